"""Look into ``.7z`` and ``.zip`` rule packs without writing any of it to disk, and refuse hostile ones.

These are foreign archives, made by ordinary tools, so they are read leniently in form and strictly
in effect: names must be plain relative paths, nothing but regular files, and every size, count and
ratio is bounded both as declared and as it really comes out. (A bundle of ours is another matter: it
has one canonical layout and its own reader.)
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from manifests.archives.base import DEFAULT_ARCHIVE_LIMITS, ArchiveEntry, ArchiveLimits, ArchiveMember, ArchiveReader
from manifests.errors import DamagedArchiveError, MalformedError
from manifests.names import check_path_set, check_target_path
from manifests.text import count_text

ArchiveKind = Literal["7z", "zip"]

_MAGIC: tuple[tuple[bytes, ArchiveKind], ...] = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Archive:
    """An archive whose declared names and sizes were found harmless. ``files`` are in its order."""

    kind: ArchiveKind
    files: tuple[ArchiveEntry, ...]
    reader: ArchiveReader

    def read(self, keep: Container[str] = ()) -> tuple[ArchiveMember, ...]:
        """Read every file once, hashing it, and keep the bytes of those named.

        Args:
            keep: Names whose bytes are wanted.

        Returns:
            One member per file, sorted by name.

        Raises:
            MalformedError: ``archive.damaged``, ``archive.method``, or ``archive.bomb`` when more comes out than
                was declared.
        """
        collectors = {entry.name: _Collector(entry, keep=entry.name in keep) for entry in self.files}
        self.reader.read(lambda name, chunk: collectors[name].add(chunk))
        return tuple(collectors[name].finish() for name in sorted(collectors))


def archive_kind_of(file: BinaryIO) -> ArchiveKind | None:
    """Tell a ``.7z`` or ``.zip`` by its first bytes; ``None`` for anything else. The position is put back."""
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)


def open_archive(file: BinaryIO, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Archive | None:
    """Read an archive's table of contents and refuse it if anything in it is hostile.

    Args:
        file: Seekable; must stay open while the archive is used.
        limits: Ceilings.

    Returns:
        ``None`` when the file is neither ``.7z`` nor ``.zip``.

    Raises:
        MalformedError: ``archive.too-large``, ``.truncated``, ``.damaged``, ``.encrypted``, ``.method``, ``.count``,
            ``.bomb``, ``.link``, ``.special``, ``.traversal``, ``.absolute``, ``.name`` or ``.duplicate``.
    """
    kind = archive_kind_of(file)
    if kind is None:
        return None
    packed = file.seek(0, 2)
    file.seek(0)
    if packed > limits.packed_bytes:
        raise MalformedError(
            "archive.too-large",
            "The archive is too large",
            have=count_text(packed, "byte"),
            need=f"at most {limits.packed_bytes:,}",
        )
    reader = _reader(kind, file, limits)
    entries = reader.entries()
    _check_names(entries, limits)
    _check_sizes(entries, packed, limits)
    return Archive(kind, tuple(entry for entry in entries if entry.form == "file"), reader)


class _Collector:
    """Takes the bytes of one file, and no more than were declared."""

    def __init__(self, entry: ArchiveEntry, *, keep: bool) -> None:
        self._entry = entry
        self._hasher = hashlib.sha256()
        self._length = 0
        self._kept: bytearray | None = bytearray() if keep else None

    def add(self, chunk: bytes) -> None:
        self._length += len(chunk)
        if self._length > self._entry.length:
            raise MalformedError("archive.bomb", f"{self._entry.name!r} is longer than the archive declares")
        self._hasher.update(chunk)
        if self._kept is not None:
            self._kept += chunk

    def finish(self) -> ArchiveMember:
        if self._length != self._entry.length:
            raise DamagedArchiveError(
                "archive.damaged",
                f"{self._entry.name!r} is cut short",
                have=count_text(self._length, "byte"),
                need=f"{self._entry.length:,}",
            )
        data = None if self._kept is None else bytes(self._kept)
        return ArchiveMember(self._entry.name, self._length, self._hasher.hexdigest(), data)


def _reader(kind: ArchiveKind, file: BinaryIO, limits: ArchiveLimits) -> ArchiveReader:
    if kind == "zip":
        from manifests.archives.zip_reader import ZipReader

        return ZipReader(file, limits)
    from manifests.archives.seven_zip import SevenZipReader

    return SevenZipReader(file, limits)


def _check_names(entries: Iterable[ArchiveEntry], limits: ArchiveLimits) -> None:
    entries = tuple(entries)
    if len(entries) > limits.entries:
        raise MalformedError(
            "archive.count",
            "The archive has too many entries",
            have=f"{len(entries):,}",
            need=f"at most {limits.entries:,}",
        )
    seen: set[str] = set()
    for entry in entries:
        _check_entry(entry)
        folded = unicodedata.normalize("NFC", entry.name).casefold().removesuffix("/")
        if folded in seen:
            raise MalformedError("archive.duplicate", f"The archive holds {entry.name!r} twice")
        seen.add(folded)
    try:
        check_path_set(entry.name for entry in entries if entry.form == "file")
    except MalformedError as error:
        raise MalformedError("archive.duplicate", error.what) from error


def _check_entry(entry: ArchiveEntry) -> None:
    shown = repr(entry.name[:200])
    if entry.form in {"link", "special"}:
        raise MalformedError(f"archive.{entry.form}", f"{shown} in the archive is not a regular file")
    if entry.encrypted:
        raise MalformedError(
            "archive.encrypted", f"{shown} in the archive is encrypted", need="an archive without password"
        )
    parts = re.split(r"[/\\]", entry.name)
    if ".." in parts:
        raise MalformedError("archive.traversal", f"{shown} in the archive points out of it")
    if parts[0] == "" or _DRIVE.match(entry.name):
        raise MalformedError("archive.absolute", f"{shown} in the archive is an absolute path")
    try:
        check_target_path(entry.name.removesuffix("/") if entry.form == "directory" else entry.name)
    except MalformedError as error:
        raise MalformedError("archive.name", f"In the archive: {error.what}", need=error.need) from error
    if ":" in entry.name:
        raise MalformedError("archive.name", f"{shown} in the archive holds a colon")


def _check_sizes(entries: Iterable[ArchiveEntry], packed: int, limits: ArchiveLimits) -> None:
    total = 0
    for entry in entries:
        total += entry.length
        if entry.length > limits.entry_bytes or (entry.form == "directory" and entry.length):
            raise MalformedError(
                "archive.bomb",
                f"{entry.name[:200]!r} in the archive is too large",
                have=f"{count_text(entry.length, 'byte')} declared",
                need=f"at most {limits.entry_bytes:,}",
            )
    if total > limits.total_bytes or (total > limits.ratio_floor_bytes and total > packed * limits.ratio):
        raise MalformedError(
            "archive.bomb",
            "The archive would unpack to far more than a rule pack holds",
            have=f"{count_text(total, 'byte')} declared in an archive of {packed:,}",
            need=f"at most {count_text(limits.total_bytes, 'byte')} and {limits.ratio} times the archive",
        )
