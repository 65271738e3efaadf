"""Hosts that asked to be left alone, remembered over runs."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

from manifests import clock as times
from manifests.clock import Clock
from manifests.disk import durable
from manifests.errors import FetchError, MalformedError
from manifests.limits import MIB
from manifests.schemas import strictjson

LONGEST = timedelta(days=7)
"""Nobody is left alone longer, whatever was asked: a broken server must not silence a source for ever."""
_MAX_BYTES = MIB


class Cooldown:
    """Who asked us to come back later.

    A damaged or unreadable file counts as empty: at worst somebody is asked once too early.

    Args:
        path: The file, ``{"host:port": "until"}``.
        clock: Tells the time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._until = _load(path)

    def begin(self, host: str, seconds: int) -> None:
        """Leave a host alone from now on, for so long.

        Args:
            host: ``host:port``.
            seconds: As asked; more than :data:`LONGEST` is cut.

        Raises:
            StorageError: It cannot be written down.
        """
        with self._lock:
            now = self._clock()
            left = {name: at for name, at in self._until.items() if now < at <= now + LONGEST}
            self._until = {**left, host: now + min(timedelta(seconds=seconds), LONGEST)}
            durable.make_directory(self._path.parent)
            written = {name: times.instant_text(at) for name, at in sorted(self._until.items())}
            durable.write_file(self._path, strictjson.encode_json(written))

    def require_over(self, host: str) -> None:
        """Refuse to ask a host before its time is over.

        Raises:
            FetchError: ``http.cooling-down`` until its time is over.
        """
        until = self._until.get(host)
        now = self._clock()
        if until is not None and now < until <= now + LONGEST:
            raise FetchError(
                "http.cooling-down",
                f"{host} asked to be left alone, so it was not asked",
                have=f"until {times.instant_text(until)}",
                todo=f"wait, or remove the host from {self._path}",
                host=host,
            )


def _load(path: Path) -> dict[str, datetime]:
    try:
        with path.open("rb") as file:
            value = strictjson.decode_json(file.read(_MAX_BYTES), name=path.name, max_bytes=_MAX_BYTES)
        return {str(host): times.parse_instant(at) for host, at in value.items()}
    except (OSError, MalformedError, AttributeError, TypeError):
        return {}
