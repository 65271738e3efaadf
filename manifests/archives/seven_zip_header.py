"""Count what the header of a foreign ``.7z`` lists before py7zr makes an object of each file, folder and coder.

A header is compressed, and a file without content takes two bits and an empty name: three kilobytes could ask for eight
million of them, and for four gigabytes of objects. py7zr's own ceilings are those of the format. So the header is
unpacked here within ours, and walked by py7zr's own readers, count by count: what passes is bounded when py7zr reads it
again.

Source: 7zFormat.txt of the LZMA SDK: Header, EncodedHeader, StreamsInfo, FilesInfo.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO
from zlib import crc32

from py7zr.archiveinfo import Folder, HeaderStreamsInfo, PackInfo, SubstreamsInfo, UnpackInfo, read_uint64
from py7zr.exceptions import Bad7zFile

from manifests.archives.base import ArchiveLimits
from manifests.errors import MalformedError
from manifests.limits import KIB

START_BYTES = 32
"""Length of the signature header; all positions count from its end."""
_ENCODED_BYTES = 64 * KIB
"""Of the description of a compressed header: one folder, two hundred bytes."""
_CODERS_PER_ENTRY = 4
"""Of all folders together; one folder has up to four (BCJ2), and there is at most one for each file."""
_END, _HEADER, _STREAMS, _FILES, _PACK, _UNPACK, _SUBSTREAMS = (bytes([n]) for n in (0, 1, 4, 5, 6, 7, 8))
_FOLDER, _COUNTS, _ENCODED, _DUMMY = b"\x0b", b"\x0d", b"\x17", b"\x19"
_LZMA, _LZMA2, _PPMD = b"\x03\x01\x01", b"\x21", b"\x03\x04\x01"


@dataclass(frozen=True)
class HeaderPlace:
    """Where a header stands as it is: from which byte of the archive, how many bytes, of which CRC-32."""

    start: int
    length: int
    crc32: int


def check_header(file: BinaryIO, place: HeaderPlace, limits: ArchiveLimits) -> None:
    """Refuse a header that lists more than a rule pack holds.

    Args:
        file: The archive.
        place: Where its header stands.
        limits: Ceilings.

    Raises:
        MalformedError: ``archive.count``, or ``archive.bomb`` when it is too long or its decoder takes too much memory.
        Bad7zFile: It cannot be read; so are other errors of py7zr.
    """
    file.seek(place.start)
    kind = file.read(min(place.length, 1))
    _check_length(place.length, _ENCODED_BYTES if kind == _ENCODED else limits.header_bytes)
    rest = file.read(place.length - len(kind))
    if crc32(kind + rest) != place.crc32:
        raise Bad7zFile("the header has another CRC than declared")
    header = io.BytesIO(rest)
    if kind == _ENCODED:
        header = io.BytesIO(_unpack(file, header, limits))
        kind = header.read(1)
    if kind == _HEADER:
        _Walk(header, limits.entries).run()


def check_coders(folders: Iterable[Any], limits: ArchiveLimits) -> None:
    """Refuse folders whose decoders would take too much memory.

    Raises:
        MalformedError: ``archive.bomb``.
    """
    for coder in (coder for folder in folders for coder in folder.coders):
        taken = _memory(coder)
        if taken > limits.dictionary_bytes:
            raise MalformedError(
                "archive.bomb",
                "A decoder of the archive would take too much memory",
                have=f"{taken:,} bytes",
                need=f"at most {limits.dictionary_bytes:,}",
            )


def _unpack(file: BinaryIO, described: io.BytesIO, limits: ArchiveLimits) -> bytes:
    """Unpack a compressed header, as py7zr does."""
    streams = HeaderStreamsInfo.retrieve(described)
    folders, sizes = streams.unpackinfo.folders, streams.packinfo.packsizes
    if not folders or not sizes:
        raise Bad7zFile("encoded header without packed stream")
    _check_length(sum(folder.unpacksizes[-1] for folder in folders), limits.header_bytes)
    check_coders(folders, limits)
    data, position = bytearray(), START_BYTES
    for folder in folders:
        position += streams.packinfo.packpos
        file.seek(position)
        decompressor, end = folder.get_decompressor(sizes[0]), len(data) + folder.unpacksizes[-1]
        while len(data) < end:
            before = (len(data), decompressor.consumed)
            data += decompressor.decompress(file, max_length=end - len(data))
            if (len(data), decompressor.consumed) == before:
                raise Bad7zFile("truncated or corrupted encoded header")
        position += sizes[0]
    return bytes(data)


class _Walk:
    """Goes through a plain header behind its first byte, and keeps nothing of it."""

    def __init__(self, header: io.BytesIO, ceiling: int) -> None:
        self._header = header
        self._ceiling = ceiling

    def run(self) -> None:
        """Check every count up to the end of what py7zr reads."""
        field = self._header.read(1)
        if field == _STREAMS:
            self._pass_streams()
            field = self._header.read(1)
        if field == _FILES:
            self._check_count(read_uint64(self._header), "files")
            self._check_properties()

    def _pass_streams(self) -> None:
        folders: UnpackInfo | None = None
        field = self._header.read(1)
        if field == _PACK:
            self._pass_packed()
            field = self._header.read(1)
        if field == _UNPACK:
            folders = self._pass_folders()
            field = self._header.read(1)
        if field == _SUBSTREAMS and folders is not None:
            self._pass_substreams(folders)
            field = self._header.read(1)
        if field != _END:
            raise Bad7zFile("end of the streams expected")

    def _pass_packed(self) -> None:
        start = self._header.tell()
        read_uint64(self._header)
        self._check_count(read_uint64(self._header), "packed streams")
        self._header.seek(start)
        PackInfo.retrieve(self._header)

    def _pass_folders(self) -> UnpackInfo:
        start = self._header.tell()
        if self._header.read(1) != _FOLDER:
            raise Bad7zFile("folders expected")
        count, coders = read_uint64(self._header), 0
        self._check_count(count, "folders")
        if self._header.read(1) != b"\x00":
            raise Bad7zFile("folders that stand elsewhere")
        for _ in range(count):
            coders += len(Folder.retrieve(self._header).coders)
            self._check_count(coders, "coders", _CODERS_PER_ENTRY)
        self._header.seek(start)
        return UnpackInfo.retrieve(self._header)  # type: ignore[no-any-return]

    def _pass_substreams(self, folders: UnpackInfo) -> None:
        start, total = self._header.tell(), 0
        if self._header.read(1) == _COUNTS:
            for _ in range(folders.numfolders):
                total += read_uint64(self._header)
                self._check_count(total, "files with content")
        self._header.seek(start)
        SubstreamsInfo.retrieve(self._header, folders.numfolders, folders.folders)

    def _check_properties(self) -> None:
        """Refuse a property that stands twice: some may lie elsewhere, so that few bytes have all names read again."""
        seen = set()
        while (field := self._header.read(1)) not in {_END, b""}:
            if field in seen:
                raise Bad7zFile("a property of the files stands twice")
            if field != _DUMMY:
                seen.add(field)
            self._header.seek(read_uint64(self._header), io.SEEK_CUR)

    def _check_count(self, count: int, what: str, times: int = 1) -> None:
        if count > times * self._ceiling:
            raise MalformedError(
                "archive.count",
                "The archive has too many entries",
                have=f"{count:,} {what}",
                need=f"at most {times * self._ceiling:,}",
            )


def _check_length(length: int, ceiling: int) -> None:
    if length > ceiling:
        raise MalformedError(
            "archive.bomb",
            "The archive's table of contents is too large",
            have=f"{length:,} bytes",
            need=f"at most {ceiling:,}",
        )


def _memory(coder: dict[str, Any]) -> int:
    """Return the bytes that a coder's properties tell the decoder to take."""
    method, properties = coder["method"], coder["properties"] or b""
    if method == _LZMA and len(properties) >= 5:
        return int.from_bytes(properties[1:5], "little")
    if method == _PPMD and len(properties) >= 5:
        return int.from_bytes(properties[1:5], "little")
    if method == _LZMA2 and properties:
        bits = properties[0]
        return 2**32 if bits >= 40 else (2 | (bits & 1)) << (bits // 2 + 11)
    return 0
