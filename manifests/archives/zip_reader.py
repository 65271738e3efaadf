"""Foreign ``.zip`` archives, read by the standard library behind checks of our own."""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import IO, BinaryIO, Literal, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from manifests.archives.base import DEFAULT_ARCHIVE_LIMITS, ArchiveEntry, ArchiveLimits, ContentSink
from manifests.disk.blobs import CHUNK_BYTES
from manifests.errors import ArchiveMethodError, DamagedArchiveError, MalformedError
from manifests.text import cause_text, count_text

_UNIX = 3
_LOCAL_HEADER_BYTES = 30
_RECORD = b"PK\x01\x02"
_END_RECORD = b"PK\x05\x06"
_END_SEARCH_BYTES = 65_536 + 22
_ENCRYPTED = 0x1 | 0x40 | 0x2000
"""General purpose flags: encrypted, strong encryption, masked headers (APPNOTE 4.4.4)."""


class ZipReader:
    """Implements :class:`manifests.archives.base.ArchiveReader`."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> None:
        self._file = file
        self._limits = limits
        self._infos: list[ZipInfo] = []

    def entries(self) -> tuple[ArchiveEntry, ...]:
        """Return what the central directory declares.

        Raises:
            MalformedError: ``archive.truncated``, ``.damaged``, ``.method``, ``.count`` or ``.bomb``.
        """
        self._check_end()
        with _errors(), ZipFile(cast("IO[bytes]", _Counted(self._file, self._limits))) as archive:
            self._infos = archive.infolist()
            self._check_overlap(archive.start_dir)
        entries = tuple(_entry(info) for info in self._infos)
        for info, entry in zip(self._infos, entries, strict=True):
            if not entry.encrypted and info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
                raise ArchiveMethodError(
                    "archive.method",
                    f"{entry.name!r} is compressed by method {info.compress_type}",
                    need="stored or deflate",
                )
        return entries

    def read(self, sink: ContentSink) -> None:
        """Push every file's content into ``sink``; the library checks each CRC.

        Raises:
            MalformedError: ``archive.damaged``.
        """
        with _errors(), ZipFile(self._file) as archive:
            for info in self._infos:
                if _is_directory(info):
                    continue
                with archive.open(info) as member:
                    while chunk := member.read(CHUNK_BYTES):
                        sink(info.orig_filename, chunk)

    def _check_end(self) -> None:
        """A zip whose end is missing is a download that broke off: say so."""
        length = self._file.seek(0, 2)
        self._file.seek(max(0, length - _END_SEARCH_BYTES))
        found = _END_RECORD in self._file.read()
        self._file.seek(0)
        if not found:
            raise DamagedArchiveError(
                "archive.truncated", "The archive ends in the middle", have=count_text(length, "byte")
            )

    def _check_overlap(self, directory_start: int) -> None:
        """Refuse entries that share bytes: small files that unpack to a large one many times over."""
        spans = sorted(
            (info.header_offset, info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size) for info in self._infos
        )
        spans.append((directory_start, directory_start))
        if any(end > start for (_, end), (start, _) in pairwise(spans)):
            raise DamagedArchiveError("archive.damaged", "Entries of the archive overlap")


class _Counted:
    """A file whose central directory is counted in the moment when the library reads it, before it makes objects of it.

    What is counted is the signature that each record begins with (APPNOTE 4.3.12), so nothing depends on what the end
    record says, or on which of several the library takes.
    """

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        self._file = file
        self._limits = limits
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        wanted = size if size >= 0 else self._rest()
        if wanted > self._limits.header_bytes:
            raise MalformedError(
                "archive.bomb",
                "The archive's table of contents is too large",
                have=f"{wanted:,} bytes",
                need=f"at most {self._limits.header_bytes:,}",
            )
        data = self._file.read(size)
        if (count := data.count(_RECORD)) > self._limits.entries:
            raise MalformedError(
                "archive.count",
                "The archive has too many entries",
                have=f"{count:,}",
                need=f"at most {self._limits.entries:,}",
            )
        return data

    def _rest(self) -> int:
        here = self._file.tell()
        rest = self._file.seek(0, 2) - here
        self._file.seek(here)
        return rest


def _entry(info: ZipInfo) -> ArchiveEntry:
    return ArchiveEntry(info.orig_filename, info.file_size, _form(info), encrypted=bool(info.flag_bits & _ENCRYPTED))


def _form(info: ZipInfo) -> Literal["file", "directory", "link", "special"]:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if kind == stat.S_IFLNK:
        return "link"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "special"
    return "directory" if _is_directory(info) else "file"


def _is_directory(info: ZipInfo) -> bool:
    """Tell by the name as it stands; the library cuts it at a NUL and then stumbles over an empty one."""
    return info.orig_filename.endswith("/")


@contextmanager
def _errors() -> Iterator[None]:
    """Turn everything that the library raises at bad bytes into our error."""
    try:
        yield
    except (
        BadZipFile,
        zlib.error,
        EOFError,
        struct.error,
        ValueError,
        NotImplementedError,
        RuntimeError,
        OSError,
    ) as error:
        raise DamagedArchiveError("archive.damaged", f"The archive is damaged ({cause_text(error)})") from error
