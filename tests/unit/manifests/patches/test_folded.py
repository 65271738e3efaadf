"""Patches between archives whose streams are unfolded."""

from __future__ import annotations

import gzip
import io
import random

import pytest

from bundler.plan import patch_engines
from bundler.plan.patching import best_patch
from manifests import patches
from manifests.disk.blobs import BlobStore
from manifests.errors import MalformedError
from manifests.patches.deflate import MAX_FOLDED_BYTES, encode_number
from manifests.patches.folded import FOLDED_MAGIC, apply_folded, folded_header

NOISE = random.Random(1).randbytes(70_000)


def test_an_archive_that_is_compressed_anew_travels_as_a_small_patch(tmp_path):
    store = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    rng = random.Random(4)
    lines = [b"rule r%d { strings: $a = { %s } }\n" % (at, rng.randbytes(8).hex().encode()) for at in range(12_000)]
    old = gzip.compress(b"".join(lines), 6, mtime=1)
    new = gzip.compress(b"".join([b"// version 2\n", *lines[:-5], b"rule last { }\n"]), 6, mtime=2)
    with store.batch() as batch:
        base, target = batch.add([old]), batch.add([new])
        batch.commit()
    made = best_patch(store, target, (base,))
    assert made is not None
    assert made.engine == "hdiffpatch+deflate"
    assert made.patch.length < len(new) // 10
    with store.batch() as batch:
        batch.add(patches.apply_patch(made.engine, store.path(base.sha256), made.path, target), target)
    made.discard()
    assert not list(store.temporary.iterdir())


def test_archives_without_streams_make_no_patch(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).write_bytes(b"7z\xbc\xaf" + NOISE)
    assert b"".join(patch_engines._ENGINES["hdiffpatch+deflate"](tmp_path / "old", tmp_path / "new")) == b""


@pytest.mark.parametrize(
    ("length", "streams", "header"),
    [
        (300, (), b"\x82\x2c\0"),
        (5, (0,), b"\5\1\0"),
        (5, (7, 12, 412), b"\5\3\7\5\x83\x10"),
    ],
)
def test_the_header_says_how_far_each_stream_begins_behind_the_last(
    length: int, streams: tuple[int, ...], header: bytes
) -> None:
    assert folded_header(length, streams) == b"SLFOLD1\0" + header


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (b"", "it is not a patch of an archive"),
        (b"SLFOLD2\0" + bytes(9), "it is not a patch of an archive"),
        (FOLDED_MAGIC + b"\5\x7f", "it ends early"),
        (FOLDED_MAGIC + encode_number(16 * 10 + 17) + b"\0", "its records are larger than they can be"),
        (FOLDED_MAGIC + encode_number(2**63), "a number is too large"),
    ],
)
def test_a_header_that_promises_what_cannot_be_is_refused_before_anything_is_made(patch: bytes, said: str) -> None:
    with pytest.raises(MalformedError) as caught:
        list(apply_folded(io.BytesIO(b"base"), io.BytesIO(patch), 10))
    assert (caught.value.code, caught.value.what) == ("patch.format", f"A patch breaks its format: {said}")


def test_a_file_beyond_the_limit_is_not_unfolded() -> None:
    with pytest.raises(MalformedError) as caught:
        list(apply_folded(io.BytesIO(b"base"), io.BytesIO(folded_header(1, ())), MAX_FOLDED_BYTES + 1))
    assert caught.value.code == "patch.length"
