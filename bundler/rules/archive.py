"""Rule files in ``.tar.gz`` and ``.zip`` archives, read in memory behind bounds.

Names inside are only looked at to tell a format: nothing is ever unpacked.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator

from bundler.rules.rule import MAX_FILE_BYTES, MAX_FILE_RULES, Reader, Rule, bounded_rules
from manifests.archives.archive import open_archive
from manifests.archives.base import ArchiveLimits
from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.text import cause_text, count_text

MAX_ENTRIES = 10_000
MAX_HEADER_BYTES = 32 * MIB
"""Of all headers of one ``.tar.gz``: they may have names and attributes of any length, and are kept."""
MAX_TOTAL_BYTES = 256 * MIB
"""All that comes out of one ``.tar.gz``; it streams, member by member."""
_ZIP = ArchiveLimits(entries=MAX_ENTRIES, entry_bytes=MAX_FILE_BYTES, total_bytes=64 * MIB)
"""What is wanted of a ``.zip`` is in memory at once."""
_FOREIGN = (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, OverflowError, LookupError, RecursionError)
"""What the standard library raises on archives that are none."""

ReaderOf = Callable[[str], Reader | None]


def read_tar(data: bytes, reader_of: ReaderOf) -> tuple[Rule, ...]:
    """Return the rules of all members that ``reader_of`` has a reader for, in order.

    Raises:
        MalformedError: ``rules.archive`` when it is damaged, ``rules.archive-bomb`` when it is too large inside;
            what the readers raise.
    """
    rules: list[Rule] = []
    try:
        for name, content in _tar_members(_Forward(data), reader_of):
            rules += _read(name, content, reader_of)
            if len(rules) > MAX_FILE_RULES:
                break
    except _FOREIGN as error:
        raise MalformedError("rules.archive", f"It is not a valid .tar.gz ({cause_text(error)[:200]})") from None
    return bounded_rules(rules)


def read_zip(data: bytes, reader_of: ReaderOf) -> tuple[Rule, ...]:
    """Return the rules of all members that ``reader_of`` has a reader for, by name.

    Raises:
        MalformedError: ``archive.*``, ``rules.archive`` when it is no zip; what the readers raise.
    """
    archive = open_archive(io.BytesIO(data), _ZIP)
    if archive is None:
        raise MalformedError("rules.archive", "It is no .zip")
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


def _tar_members(stream: _Forward, reader_of: ReaderOf) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        for count, member in enumerate(tar):
            if count >= MAX_ENTRIES:
                raise _bomb(f"more than {MAX_ENTRIES:,} entries")
            if member.isreg() and not member.issparse() and reader_of(member.name) is not None:
                stream.seek(member.offset_data)
                yield member.name, stream.content(member.size)


class _Forward(io.RawIOBase):
    """An inflated archive that only goes forward, and gives neither much at once nor much in all."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._source = gzip.GzipFile(fileobj=io.BytesIO(data))
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
