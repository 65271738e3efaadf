"""Where an archive has its deflate streams: all that end, and nothing else."""

from __future__ import annotations

import gzip
import random
import struct
import zlib

import pytest

from bundler.plan.patch_streams import find_streams, may_have_streams

TEXT = b"".join(b"alert tcp any any -> any %d (sid:%d; rev:%d;)\n" % (at % 65536, at, at % 7) for at in range(4000))
NOISE = random.Random(1).randbytes(70_000)


def raw(data: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def zip_of(members: dict[str, bytes]) -> bytes:
    """Write a plain zip: enough for finding streams."""
    parts = []
    for name, content in members.items():
        stream = raw(content, 6)
        header = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, zlib.crc32(content), len(stream),
                             len(content), len(name), 0)  # fmt: skip
        parts.append(header + name.encode() + stream)
    return b"".join(parts) + b"PK\x05\x06" + bytes(18)


def test_streams_are_found_in_zip_gzip_and_clamav() -> None:
    members = {"a.txt": TEXT, "b/c.bin": NOISE[:3000]}
    archive = zip_of(members)
    found = find_streams(archive)
    assert [zlib.decompressobj(-15).decompress(archive[at:]) for at in found] == list(members.values())
    named = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\2\0xx" + b"name\0" + b"comment\0" + b"cc" + raw(TEXT, 6) + bytes(8)
    assert find_streams(named) == (29,)
    container = b"ClamAV-VDB:".ljust(512) + gzip.compress(TEXT)
    assert find_streams(container) == (522,)
    assert all(map(may_have_streams, (archive, named, container)))
    assert not may_have_streams(b"7z\xbc\xaf\x27\x1c")


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b\x08", b"PK\x03\x04", gzip.compress(TEXT)[:-30], b"\x1f\x8b\x08" + NOISE]
)
def test_what_is_no_whole_stream_is_not_found(data: bytes) -> None:
    assert find_streams(data) == ()
