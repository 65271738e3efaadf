"""What every reader of a foreign archive shares: its ceilings, what it declares and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from manifests.limits import GIB, MIB


@dataclass(frozen=True)
class ArchiveLimits:
    """Ceilings on one rule pack. Vendors' weekly packs are a few megabytes with some ten thousand rules."""

    packed_bytes: int = GIB
    entries: int = 50_000
    header_bytes: int = 16 * MIB
    """Of the table of contents, unpacked: fifty thousand files take some ten million."""
    total_bytes: int = 512 * MIB
    entry_bytes: int = 64 * MIB
    ratio: int = 200
    """Refused above this ratio of content to archive once the content exceeds ``ratio_floor_bytes``."""
    ratio_floor_bytes: int = 16 * MIB
    dictionary_bytes: int = 256 * MIB
    """Memory that a decoder may be told to take; ``7z -mx=9`` asks for 64 MiB."""
    seconds: int = 300
    """Longest time for a helper program."""


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


@dataclass(frozen=True)
class ArchiveEntry:
    """What an archive declares of one entry, before anything is believed. ``length`` in bytes."""

    name: str
    length: int
    form: Literal["file", "directory", "link", "special"] = "file"
    encrypted: bool = False


@dataclass(frozen=True)
class ArchiveMember:
    """One file of an archive as it really came out. ``data`` is set for those that were asked for."""

    name: str
    length: int
    sha256: str
    data: bytes | None = None


ContentSink = Callable[[str, bytes], None]
"""Takes the next piece of the file of this name; raises when it has seen enough."""


class ArchiveReader(Protocol):
    """One archive format. Every foreign exception leaves it as a :class:`MalformedError` ``archive.*``."""

    def entries(self) -> tuple[ArchiveEntry, ...]:
        """Return what the archive declares, in its order."""

    def read(self, sink: ContentSink) -> None:
        """Push the content of every file into ``sink``."""
