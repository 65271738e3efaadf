"""Rows of the state as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # both are slow to import, and a status needs neither
    from manifests.manifest import Manifest
    from manifests.trust import TrustedState

DEFAULT_RING = "default"
"""The one ring there is for now: it gets every generation at once."""

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
    """What one ring serves; ``generation`` is ``None`` before its first."""

    name: str
    generation: int | None
    activated_at: datetime | None
