"""Streams of a few bytes and the records that they become."""

from __future__ import annotations

import zlib

import pytest

from manifests.errors import MalformedError
from manifests.patches.deflate.unfolding import encode_number, unfold_streams


def raw(data: bytes, level: int = 9, strategy: int = zlib.Z_FIXED) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    return compressor.compress(data) + compressor.flush()


def bits(text: str) -> bytes:
    """Return bits as bytes, the first one lowest: a last block with fixed codes, a literal, a length and a distance."""
    digits = text.replace(" ", "")
    return int(digits[::-1], 2).to_bytes(-(-len(digits) // 8), "little")


@pytest.mark.parametrize(
    ("value", "data"),
    [(0, b"\0"), (127, b"\x7f"), (128, b"\x81\0"), (300, b"\x82\x2c"), (2**21, b"\x81\x80\x80\0")],
)
def test_a_number_takes_seven_bits_a_byte_the_highest_first(value: int, data: bytes) -> None:
    assert encode_number(value) == data


@pytest.mark.parametrize(
    ("data", "streams", "records"),
    [
        (b"", (), []),
        (b"no stream", (), [b"\0\x09no stream"]),
        (raw(b"hello", 0), (0,), [b"\3", b"\5hello"]),
        (b"ab" + raw(b"hello", 0) + b"z", (2,), [b"\0\2ab", b"\3", b"\5hello", b"\0\1z"]),
        (raw(b"abc"), (0,), [b"\5", b"\3abc\0"]),
        (bits("1 10 10010001 0000111 00000 0000000"), (0,), [b"\5", b"\1a\4\1\6\0\0"]),
        (raw(b"x") + raw(b"y"), (0, len(raw(b"x"))), [b"\5", b"\1x\0", b"\5", b"\1y\0"]),
    ],
)
def test_a_stream_becomes_its_blocks_and_the_rest_stays_as_it_is(
    data: bytes, streams: tuple[int, ...], records: list[bytes]
) -> None:
    assert list(unfold_streams(data, streams)) == records


def test_a_dynamic_block_keeps_its_tables_as_their_codes() -> None:
    text = b"".join(b"%d alert\n" % (at * at) for at in range(300))
    (head, block) = unfold_streams(raw(text, 9, zlib.Z_DEFAULT_STRATEGY), (0,))
    assert head == b"\7"
    assert b"alert" in block


@pytest.mark.parametrize(
    ("data", "streams"),
    [
        (raw(b"abc"), (99,)),
        (raw(b"abc") * 2, (4, 0)),
        (b"\7", (0,)),
        (raw(b"abc")[:-1], (0,)),
        (b"", (0,)),
        (b"\1\5\0\xfa\xfehello", (0,)),
        (raw(b"hello", 0)[:-1], (0,)),
        (b"\3\4", (0,)),
    ],
    ids=["outside", "backwards", "unknown type", "cut", "empty", "two lengths", "short stored block", "padding"],
)
def test_what_is_no_stream_is_refused(data: bytes, streams: tuple[int, ...]) -> None:
    with pytest.raises(MalformedError) as caught:
        list(unfold_streams(data, streams))
    assert caught.value.code == "patch.format"
