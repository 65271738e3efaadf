"""The audit log: what changed the state stands in the database, what changed nothing in a file beside it.

A refusal must leave the database byte for byte as it was, so it is a line of ``audit.jsonl``. The file only
grows; a line that a power cut tore is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manifests.clock import from_text, to_text
from manifests.durable import storage_errors
from manifests.errors import MalformedError
from relay.home import Home
from relay.state import Event, State

REFUSED = "refused"
"""Kind of the event of a refused bundle; its ``code`` is the reason."""

_TAIL_BYTES = 256 * 1024
"""How far back the last refusal is looked for."""


def shown(name: str) -> str:
    """Return a file's name as text that any database, log and terminal takes: a stick may carry any bytes in it."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def record(home: Home, event: Event) -> None:
    """Append an event to the audit log, durably.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    line = json.dumps(
        {"at": to_text(event.at), "kind": event.kind, "text": event.text, "details": dict(event.details)},
        sort_keys=True,
        ensure_ascii=True,
    )
    with storage_errors(home.audit_file):
        descriptor = os.open(home.audit_file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, (b"\n" if torn else b"") + line.encode("ascii") + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(home: Home, state: State, limit: int | None = None) -> tuple[Event, ...]:
    """Return the newest events of both places, newest last.

    Args:
        home: The relay's directory.
        state: Its open state.
        limit: How many at most; ``None`` for all.
    """
    logged = list(_lines(home.audit_file))
    kept = state.events(limit=-1 if limit is None else limit)
    merged = sorted((*kept, *logged), key=lambda event: event.at)
    return tuple(merged if limit is None else merged[max(len(merged) - limit, 0) :])


def last_logged(home: Home, kind: str) -> Event | None:
    """Return the newest event of a kind in the audit log, looking back over its last 256 KiB."""
    found = [event for event in _lines(home.audit_file, tail_bytes=_TAIL_BYTES) if event.kind == kind]
    return found[-1] if found else None


def _lines(path: Path, tail_bytes: int | None = None) -> Iterator[Event]:
    with storage_errors(path):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        with file:
            if tail_bytes is not None:
                file.seek(max(path.stat().st_size - tail_bytes, 0))
            for line in file:
                event = _event(line)
                if event is not None:
                    yield event


def _event(line: bytes) -> Event | None:
    try:
        value: Any = json.loads(line)
        return Event(from_text(value["at"]), value["kind"], value["text"], value["details"])
    except (ValueError, KeyError, TypeError, MalformedError):
        return None  # torn by a power cut, or the first piece of a tail
