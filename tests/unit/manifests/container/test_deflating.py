"""DEFLATE streams before it is known whether they are used: the same whoever makes them."""

from __future__ import annotations

import hashlib
import io
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from manifests.container import (
    DEFLATE_SEGMENT_BYTES,
    MIN_GAIN_BYTES,
    ContainerWriter,
    deflate_content,
    deflating_pays,
)
from manifests.limits import GIB, MIB
from tests.support.containers import TEXT


def test_deflate_gives_lengths_crc_and_digest_of_a_stream_that_zlib_reads():
    stream = io.BytesIO()
    made = deflate_content([TEXT[:1000], b"", TEXT[1000:]], stream.write)
    assert zlib.decompress(stream.getvalue(), -15) == TEXT
    assert (made.length, made.crc32) == (len(TEXT), zlib.crc32(TEXT))
    assert made.stored_length == len(stream.getvalue())
    assert made.stored_sha256 == hashlib.sha256(stream.getvalue()).hexdigest()
    assert deflating_pays(made)


def test_deflate_pays_only_for_a_gain_that_no_reader_takes_for_a_bomb():
    made = deflate_content([TEXT], io.BytesIO().write)
    assert deflating_pays(replace(made, length=8000, stored_length=6999))
    assert not deflating_pays(replace(made, length=8000, stored_length=7000))
    assert not deflating_pays(replace(made, length=0, stored_length=2))
    assert deflating_pays(replace(made, length=200 * MIB, stored_length=MIB))
    assert not deflating_pays(replace(made, length=200 * MIB + 1, stored_length=MIB))
    assert deflating_pays(replace(made, length=MIB, stored_length=2))
    assert not deflating_pays(replace(made, length=4 * GIB - 1, stored_length=GIB))


def test_content_of_four_gibibytes_is_never_deflated():
    writer = ContainerWriter(io.BytesIO())
    with pytest.raises(ValueError, match="always stored"):
        writer.add_deflated("a", [], length=2**32 - 1, stored_length=10, crc32=0)


def test_a_large_stream_is_the_same_whoever_makes_it_and_zlib_reads_it():
    content = b"".join(b"%d alert tcp any any -> any any\n" % number for number in range(150_000))
    alone, together = io.BytesIO(), io.BytesIO()
    chunks = [content[start : start + 300_000] for start in range(0, len(content), 300_000)]
    made = deflate_content(chunks, alone.write)
    with ThreadPoolExecutor(3) as pool:
        assert deflate_content(chunks, together.write, pool) == made
    assert together.getvalue() == alone.getvalue()
    assert len(content) > 3 * DEFLATE_SEGMENT_BYTES
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(alone.getvalue()) == content
    assert (inflater.eof, inflater.unused_data) == (True, b"")


def test_what_gains_little_is_stored():
    made = deflate_content([TEXT], io.BytesIO().write)
    assert deflating_pays(replace(made, length=500, stored_length=500 - MIN_GAIN_BYTES))
    assert not deflating_pays(replace(made, length=500, stored_length=501 - MIN_GAIN_BYTES))
