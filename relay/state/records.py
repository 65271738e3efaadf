"""Rows of the state as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # both are slow to import, and a status needs neither
    from manifests.manifest import Manifest
    from manifests.trust import TrustedState

Detail = str | int | bool | None


@dataclass(frozen=True)
class Event:
    """Something that happened. ``kind`` is stable (``import``, ``refused``, ...), ``text`` is for people."""

    at: datetime
    kind: str
    text: str
    details: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True)
class NewGeneration:
    """What a verified and stored bundle adds to the state. ``documents`` by member name (``tuf/...``)."""

    manifest: Manifest
    manifest_bytes: bytes
    signature_bytes: bytes
    trusted: TrustedState
    documents: tuple[tuple[str, bytes], ...]
    file_name: str


@dataclass(frozen=True)
class Generation:
    """One complete, verified, immutable set of targets. ``file_name`` is that of the bundle as it came."""

    number: int
    publisher: str
    created: datetime
    imported_at: datetime
    manifest_sha256: str
    file_name: str
    targets: int
    target_bytes: int
    rings: tuple[str, ...]


@dataclass(frozen=True)
class GenerationTarget:
    """One file of a generation. ``length`` in bytes."""

    generation: int
    path: str
    sha256: str
    length: int


@dataclass(frozen=True)
class Ring:
    """What one ring serves; ``generation`` is ``None`` before its first.

    ``published_until`` is the latest instant that any of its files was published at: it grows with every move.
    """

    name: str
    generation: int | None
    activated_at: datetime | None
    published_until: datetime | None


@dataclass(frozen=True)
class RoleTrust:
    """Until when one TUF role is good."""

    role: str
    version: int
    expires_at: datetime


@dataclass(frozen=True)
class SourceState:
    """What the publisher says of a source that is served.

    ``failed``: a newer pull failed, so what was pulled at ``pulled_at`` is carried. ``fresh_days``: so many days after
    ``pulled_at`` it counts as stale; ``None`` leaves that to the site.
    """

    name: str
    kind: str
    pulled_at: datetime
    failed: bool = False
    version: str | None = None
    licence: str | None = None
    fresh_days: int | None = None
    mount: str | None = None
    deliver: str | None = None


@dataclass(frozen=True)
class AbsentSourceState:
    """A source that was meant to be in a generation and is not; ``failure``: what its publisher says of that."""

    name: str
    kind: str
    failure: str


@dataclass(frozen=True)
class LastOutcome:
    """The last import or the last refusal. ``subject`` is the generation or the reason code."""

    at: datetime
    subject: str
    text: str
