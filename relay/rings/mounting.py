"""Which source is served at the root too: the publisher may ask for it, the site decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from manifests.text import count_text
from relay.state.records import Event

ROOT = "/"
EVENT = "mount-conflict"
"""Kind of the event that tells of several sources that ask for the root."""


class Mountable(Protocol):
    """A source of a generation."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def mount(self) -> str | None:
        """``/`` when its publisher asks for the root."""


def choose_mounted_source(configured: str | bool, sources: Iterable[Mountable]) -> str | None:
    """Return the name of the source that is served at the root, or ``None``.

    Args:
        configured: ``serve.mount_at_root``: a source's name, ``False`` for none, ``True`` for the one whose publisher
            asks for it, of several the first by name.
        sources: Those of the generation.
    """
    if isinstance(configured, str):
        return configured
    return min(_claims(sources), default=None) if configured else None


def list_mount_conflicts(configured: str | bool, sources: Iterable[Mountable], now: datetime) -> tuple[Event, ...]:
    """Return the event that says that several sources ask for the root and nobody decided, if it is so."""
    claims = sorted(_claims(sources))
    if configured is not True or len(claims) < 2:
        return ()
    text = (
        f"{count_text(len(claims), 'source')} ask for the root, {', '.join(claims)}: {claims[0]} is served there. "
        'To decide otherwise write mount_at_root = "NAME" into [serve] of relay.toml'
    )
    return (Event(now, EVENT, text, {"mounted": claims[0], "sources": ",".join(claims)}),)


def _claims(sources: Iterable[Mountable]) -> list[str]:
    return [source.name for source in sources if source.mount == ROOT]
