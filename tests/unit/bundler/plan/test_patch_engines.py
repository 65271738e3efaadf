"""Making patches: the smaller one, within the memory allowed, and never a wrong one."""

from __future__ import annotations

import random

import pytest

from bundler.plan import patch_engines
from manifests import patches
from manifests.limits import MIB
from tests.support.patches import ENGINES, MEMORY, blob, by_engine, changed


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_input_makes_the_same_patch(engine, tmp_path):
    (tmp_path / "old").write_bytes(random.Random(1).randbytes(50_000))
    new = changed((tmp_path / "old").read_bytes(), 1)
    (tmp_path / "new").write_bytes(new)
    one = by_engine(engine, tmp_path / "old", tmp_path / "new", blob(new), tmp_path).read_bytes()
    assert one == by_engine(engine, tmp_path / "old", tmp_path / "new", blob(new), tmp_path).read_bytes()


def test_the_smaller_patch_is_kept_and_the_other_removed(tmp_path):
    old = random.Random(8).randbytes(200_000)
    new = bytes(byte ^ (at % 500 == 0) for at, byte in enumerate(old))
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    lengths = {engine: len(b"".join(patch_engines._ENGINES[engine](tmp_path / "old", tmp_path / "new")))
               for engine in ENGINES}  # fmt: skip
    made = patch_engines.make_patch(tmp_path / "old", tmp_path / "new", blob(new), tmp_path, MEMORY)
    assert made is not None
    assert made.engine == min(lengths, key=lengths.__getitem__) == "hdiffpatch"
    assert made.blob == blob(made.path.read_bytes())
    assert list(tmp_path.glob("blob-patch-*")) == [made.path]


def test_a_base_beyond_hdiffpatch_is_a_zstd_prefix(tmp_path, monkeypatch):
    monkeypatch.setattr(patch_engines, "HDIFF_BASE_BYTES", 100_000)
    old = random.Random(8).randbytes(200_000)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(old[:150_000])
    made = patch_engines.make_patch(tmp_path / "old", tmp_path / "new", blob(old[:150_000]), tmp_path, MEMORY)
    assert made is not None
    assert made.engine == "zstd"


def test_nothing_is_made_beyond_the_memory_allowed(tmp_path):
    old = random.Random(8).randbytes(200_000)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(old[1:])
    assert patch_engines.make_patch(tmp_path / "old", tmp_path / "new", blob(old[1:]), tmp_path, MIB) is None
    assert not list(tmp_path.glob("blob-patch-*"))


def test_an_empty_base_or_target_makes_no_patch(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "full").write_bytes(b"x" * 10_000)
    assert (
        patch_engines.make_patch(tmp_path / "empty", tmp_path / "full", blob(b"x" * 10_000), tmp_path, MEMORY) is None
    )
    assert patch_engines.make_patch(tmp_path / "full", tmp_path / "empty", blob(b""), tmp_path, MEMORY) is None


def test_a_patch_that_comes_out_wrong_is_no_patch(tmp_path, monkeypatch):
    old = random.Random(9).randbytes(40_000)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(old[1:])
    lies = dict.fromkeys(patches.ENGINES, lambda *_: iter([b"HDIFF19&none"])) | {"zstd": lambda *_: iter([])}
    monkeypatch.setattr(patch_engines, "_ENGINES", lies)
    assert patch_engines.make_patch(tmp_path / "old", tmp_path / "new", blob(old[1:]), tmp_path, MEMORY) is None
    assert not list(tmp_path.glob("blob-patch-*"))
