"""Which base a patch is made against, and when none is."""

from __future__ import annotations

import hashlib
import random

import pytest

from bundler.plan.patching import MAX_CANDIDATES, MIN_TARGET_BYTES, Bases, best_patch
from manifests import patches
from manifests.disk.blobs import Blob, BlobStore
from manifests.manifest import Target


def target(path: str, seed: int, length: int = 100_000) -> Target:
    return Target(path, length, hashlib.sha256(f"{path} {seed}".encode()).hexdigest())


def blob(found: Target) -> Blob:
    return Blob(found.sha256, found.length)


@pytest.fixture
def store(tmp_path):
    made = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    made.create()
    return made


def put(store: BlobStore, data: bytes) -> Blob:
    with store.batch() as batch:
        added = batch.add([data])
        batch.commit()
    return added


def test_the_same_path_comes_first_newest_generation_first():
    new = target("av/daily.cvd", 3)
    present = [[target("av/daily.cvd", 2)], [target("av/daily.cvd", 1)]]
    assert Bases(present).candidates(new) == (blob(present[0][0]), blob(present[1][0]))


def test_names_that_differ_in_numbers_or_digests_are_similar():
    present = [[
        target("tm/vsapi349.zip", 1), target("tm/engine.zip", 1), target("other/vsapi350.zip", 1),
        target("tm/rules-2026-04-01.tar.gz", 1), target("tm/repo-3fa9b2c1/all.yar", 1), target("tm/vsapi349.zap", 1),
    ]]  # fmt: skip
    assert Bases(present).candidates(target("tm/vsapi351.zip", 2)) == (blob(present[0][0]),)
    assert Bases(present).candidates(target("tm/rules-2026-05-17.tar.gz", 2)) == (blob(present[0][3]),)
    assert Bases(present).candidates(target("tm/repo-b00c4d7/all.yar", 2)) == (blob(present[0][4]),)


def test_of_similar_names_the_newest_generation_and_the_nearest_name_come_first():
    present = [[target("tm/v100.zip", 1), target("tm/v350.zip", 1)], [target("tm/v351.zip", 1)]]
    expected = (blob(present[0][1]), blob(present[0][0]), blob(present[1][0]))
    assert Bases(present).candidates(target("tm/v352.zip", 1)) == expected


def test_content_of_quite_another_size_or_the_target_itself_is_no_base():
    new = target("a/b.zip", 2, 1_000_000)
    assert Bases([[target("a/b.zip", 1, 10_000)], [new]]).candidates(new) == ()


def test_small_targets_have_no_candidates():
    present = [[target("a/b.rules", 1, MIN_TARGET_BYTES - 1)]]
    assert Bases(present).candidates(target("a/b.rules", 2, MIN_TARGET_BYTES - 1)) == ()


def test_the_number_of_candidates_is_bounded():
    present = [[target("a/b", number)] for number in range(30)]
    assert len(Bases(present).candidates(target("a/b", 99))) == MAX_CANDIDATES


def test_the_best_base_is_taken_and_not_just_the_last(store):
    rng = random.Random(1)
    content = rng.randbytes(400_000)
    last, older = put(store, rng.randbytes(380_000) + content[:20_000]), put(store, content[:390_000])
    new = put(store, content)
    made = best_patch(store, new, (last, older))
    assert made is not None
    assert made.base == older
    assert made.target == new
    assert made.patch.length < 12_000
    assert b"".join(patches.apply_patch(made.engine, store.path(older.sha256), made.path, new)) == content
    assert hashlib.sha256(b"".join(made.content())).hexdigest() == made.patch.sha256
    made.discard()
    assert not list(store.temporary.iterdir())


@pytest.mark.parametrize("length", [100_000, 20_000_000])
def test_nothing_in_common_makes_no_patch_and_leaves_no_file(store, length):
    rng = random.Random(2)
    base, new = put(store, rng.randbytes(length)), put(store, rng.randbytes(length))
    assert best_patch(store, new, (base,)) is None
    assert not list(store.temporary.iterdir())


def test_a_patch_is_never_larger_than_the_whole_deflated(store):
    base = put(store, b"alert tcp any any\n" * 3000)
    new = put(store, b"log udp any any -> any\n" * 3000)
    assert best_patch(store, new, (base,)) is None


def test_the_whole_as_it_would_be_carried_decides(store):
    content = random.Random(3).randbytes(100_000)
    base, new = put(store, content), put(store, content + random.Random(4).randbytes(5000))
    assert best_patch(store, new, (base,), whole_length=5700) is None
    assert best_patch(store, new, (base,), whole_length=6500) is not None


def test_bases_that_are_not_here_are_passed_over(store):
    content = random.Random(5).randbytes(50_000)
    new = put(store, content)
    gone = Blob("0" * 64, 50_000)
    assert best_patch(store, new, (gone, new)) is None
    here = put(store, content[10:])
    made = best_patch(store, new, (gone, here))
    assert made is not None
    assert made.base == here
