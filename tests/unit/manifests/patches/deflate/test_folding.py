"""Deflate streams unfolded and folded to the same bits."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import igzip

from bundler.plan.patch_streams import find_streams
from manifests.errors import MalformedError
from manifests.patches.deflate import fold_streams, unfold_streams

TEXT = b"".join(b"alert tcp any any -> any %d (sid:%d; rev:%d;)\n" % (at % 65536, at, at % 7) for at in range(4000))


NOISE = random.Random(1).randbytes(70_000)


def raw(data: bytes, level: int, strategy: int = 0, memory: int = 8) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    return compressor.compress(data) + compressor.flush()


def again(data: bytes, streams: tuple[int, ...]) -> bytes:
    records = b"".join(unfold_streams(data, streams))
    source = io.BytesIO(records)
    return b"".join(fold_streams(source.read, len(data)))


@pytest.mark.parametrize("level", [0, 1, 3, 6, 9])
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE])
def test_every_kind_of_block_folds_back(level, strategy):
    data = b"before" + raw(TEXT + NOISE + b"\xff" * 5000, level, strategy) + b"behind"
    assert again(data, (6,)) == data


@given(st.binary(max_size=2000), st.integers(0, 9), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_any_content_folds_back(content, level, memory):
    data = raw(content, level, memory=memory)
    assert again(data, (0,)) == data


def test_other_writers_fold_back(tmp_path):
    (tmp_path / "rules").write_bytes(TEXT + NOISE)
    written = [igzip.compress(TEXT, level) for level in range(4)] + [gzip.compress(TEXT, 9, mtime=0) * 2]
    if program := shutil.which("gzip"):
        written.append(subprocess.run([program, "-c", tmp_path / "rules"], check=True, capture_output=True).stdout)
    for data in written:
        assert len(find_streams(data)) == (2 if data == written[4] else 1)
        assert again(data, find_streams(data)) == data


def test_noise_is_refused_as_a_stream():
    for seed in range(300):
        data = random.Random(seed).randbytes(200)
        try:
            outcome = again(data, (0,)) == data
        except MalformedError as error:
            outcome = error.code == "patch.format"
        assert outcome
