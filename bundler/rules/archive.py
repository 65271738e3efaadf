"""Rule files in archives, read in memory behind bounds: ``.tar``, plain or by gzip, bzip2 or xz, and ``.zip``.

What an archive is, its first bytes say; ``suricata-update`` goes by them too, whatever a file is called.
Names inside are only looked at to tell a format: nothing is ever unpacked.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from bundler.rules.rule import MAX_FILE_BYTES, MAX_FILE_RULES, Reader, Rule, bounded_rules
from manifests.archives.archive import archive_kind_of, open_archive
from manifests.archives.base import ArchiveLimits
from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.text import cause_text, count_text

MAX_ENTRIES = 10_000
MAX_HEADER_BYTES = 32 * MIB
"""Of all headers of one ``.tar``: they may have names and attributes of any length, and are kept."""
MAX_TOTAL_BYTES = 256 * MIB
"""All that comes out of one ``.tar``; it streams, member by member."""
_ZIP = ArchiveLimits(entries=MAX_ENTRIES, entry_bytes=MAX_FILE_BYTES, total_bytes=64 * MIB)
"""What is wanted of a ``.zip`` is in memory at once."""
_XZ_BYTES = 128 * MIB
"""What xz may take to undo its work: its highest preset needs 65 MiB."""
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_BLOCK_BYTES = tarfile.BLOCKSIZE
_FOREIGN = (
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    LookupError,
    RecursionError,
)
"""What the standard library raises on archives that are none."""

ReaderOf = Callable[[str], Reader | None]


def is_archive(data: bytes) -> bool:
    """Tell whether content is an archive, or a compressed file that may be one, by how it begins."""
    return archive_kind_of(io.BytesIO(data[:8])) is not None or _is_tar(data)


def _is_tar(data: bytes) -> bool:
    if data.startswith((_GZIP, _BZIP2, _XZ)):
        return True
    block = data[:_BLOCK_BYTES]
    if len(block) == _BLOCK_BYTES and not any(block):
        return True  # one without a member
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def read_archive(data: bytes, reader_of: ReaderOf) -> tuple[Rule, ...]:
    """Return the rules of all members that ``reader_of`` has a reader for.

    Raises:
        MalformedError: ``rules.archive`` when it is none, or damaged; as :func:`read_tar` and :func:`read_zip`.
    """
    return read_tar(data, reader_of) if _is_tar(data) else read_zip(data, reader_of)


def read_tar(data: bytes, reader_of: ReaderOf) -> tuple[Rule, ...]:
    """Return the rules of all members that ``reader_of`` has a reader for, in order.

    Raises:
        MalformedError: ``rules.archive`` when it is damaged, ``rules.archive-bomb`` when it is too large inside;
            what the readers raise.
    """
    rules: list[Rule] = []
    for name, content in tar_members(data, lambda name: reader_of(name) is not None):
        rules += _read(name, content, reader_of)
        if len(rules) > MAX_FILE_RULES:
            break
    return bounded_rules(rules)


def tar_members(data: bytes, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the members with a name that is wanted, in order.

    Raises:
        MalformedError: ``rules.archive`` when it is damaged, ``rules.archive-bomb`` when it is too large inside.
    """
    try:
        yield from _tar_members(_Forward(_decompressed(data)), wanted)
    except _FOREIGN as error:
        raise MalformedError("rules.archive", f"It is not a valid .tar archive ({cause_text(error)[:200]})") from None


def read_zip(data: bytes, reader_of: ReaderOf) -> tuple[Rule, ...]:
    """Return the rules of all members that ``reader_of`` has a reader for, by name.

    Raises:
        MalformedError: ``archive.*``, ``rules.archive`` when it is no zip; what the readers raise.
    """
    archive = open_archive(io.BytesIO(data), _ZIP)
    if archive is None:
        raise MalformedError("rules.archive", "It is neither a .tar archive nor a .zip")
    wanted = {entry.name for entry in archive.files if reader_of(entry.name)}
    if not wanted:
        return ()
    rules: list[Rule] = []
    for member in archive.read(keep=wanted):
        if member.data is not None:
            rules += _read(member.name, member.data, reader_of)
    return bounded_rules(rules)


def _read(name: str, content: bytes, reader_of: ReaderOf) -> tuple[Rule, ...]:
    reader = reader_of(name)
    return () if reader is None else reader(content)


def _tar_members(stream: _Forward, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        for count, member in enumerate(tar):
            if count >= MAX_ENTRIES:
                raise _bomb(f"more than {MAX_ENTRIES:,} entries")
            if member.isreg() and not member.issparse() and wanted(member.name):
                stream.seek(member.offset_data)
                yield member.name, stream.content(member.size)


class _Readable(Protocol):
    """What gives the next bytes, at most so many; fewer only at its end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


def _decompressed(data: bytes) -> _Readable:
    if data.startswith(_GZIP):
        return gzip.GzipFile(fileobj=io.BytesIO(data))
    if data.startswith(_BZIP2):
        return bz2.BZ2File(io.BytesIO(data))
    return _Xz(data) if data.startswith(_XZ) else io.BytesIO(data)


class _Xz:
    """What comes out of one xz stream, in bounded memory."""

    def __init__(self, data: bytes) -> None:
        self._left = data
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_BYTES)

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, fewer only at the end."""
        found = bytearray()
        while len(found) < size and not self._decompressor.eof:
            if self._decompressor.needs_input and not self._left:
                raise EOFError
            given, self._left = self._left, b""
            found += self._decompressor.decompress(given, size - len(found))
        return bytes(found)


class _Forward(io.RawIOBase):
    """An inflated archive that only goes forward, and gives neither much at once nor much in all."""

    def __init__(self, source: _Readable) -> None:
        super().__init__()
        self._source = source
        self._position = 0
        self._headers = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Read for ``tarfile``, which only reads headers here."""
        self._headers += size
        if size < 0 or self._headers > MAX_HEADER_BYTES:
            raise _bomb(f"more than {MAX_HEADER_BYTES:,} bytes of headers")
        return self._take(size)

    def content(self, size: int) -> bytes:
        """Read the whole content of a member."""
        if size > MAX_FILE_BYTES:
            raise _bomb(f"a member of {count_text(size, 'byte')}")
        data = self._take(size)
        if len(data) != size:
            raise EOFError
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise io.UnsupportedOperation
        while self._position < offset:
            if not self._take(min(MIB, offset - self._position)):
                break
        return self._position

    def _take(self, size: int) -> bytes:
        if self._position + size > MAX_TOTAL_BYTES:
            raise _bomb(f"more than {MAX_TOTAL_BYTES:,} bytes")
        data = self._source.read(size)
        self._position += len(data)
        return data


def _bomb(have: str) -> MalformedError:
    return MalformedError("rules.archive-bomb", "The archive holds more than a rule set does", have=have)
