"""How each target travels: what all readers have is not carried, what is begun is carried as far as it is missing."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from bundler.plan.arrivals import Arrivals, compressible_blobs, decide_arrivals
from bundler.plan.compress import Compressed
from bundler.plan.next_version import NextVersion
from bundler.plan.present import Present
from manifests.clock import parse_instant
from manifests.disk.blobs import Blob, BlobStore
from manifests.manifest import Target
from manifests.progress import NoProgress
from tests.support.sealed_versions import A, B, C, D

NOW = parse_instant("2026-11-21T12:00:00Z")


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    store = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    return store


def decide(store: BlobStore, present: Present, *targets: Target, volume_size: int | None = None) -> Arrivals:
    return decide_arrivals(targets, present, Compressed({}), store, NoProgress(), volume_size=volume_size)


def test_what_all_readers_have_is_held_and_the_order_stays(store: BlobStore) -> None:
    arrivals = decide(store, Present({A: 1}), Target("rules/x", 10, A), Target("rules/y", 10, D))
    assert [(target.path, target.arrives) for target in arrivals.targets] == [("rules/x", "held"), ("rules/y", "blob")]
    assert [blob.sha256 for blob in arrivals.blobs] == [D]
    assert arrivals.since == 1


def test_a_content_of_several_targets_is_carried_once(store: BlobStore) -> None:
    arrivals = decide(store, Present(), Target("rules/x", 10, A), Target("rules/y", 10, A))
    assert [target.arrives for target in arrivals.targets] == ["blob", "blob"]
    assert [blob.sha256 for blob in arrivals.blobs] == [A]


def test_for_readers_that_have_nothing_no_generation_is_needed(store: BlobStore) -> None:
    assert decide(store, Present(), Target("rules/x", 10, A)).since is None


def test_a_generation_is_asked_for_only_when_it_is_made_use_of(store: BlobStore) -> None:
    present = Present({A: 1, B: 4, C: 2})
    assert decide(store, present, Target("rules/x", 10, B), Target("rules/y", 10, D)).since == 4
    assert decide(store, present, Target("rules/x", 10, B), Target("rules/y", 10, C)).since == 2
    assert decide(store, present, Target("rules/y", 10, D)).since is None


def test_of_what_is_begun_the_rest_is_carried_and_its_generation_is_asked_for(store: BlobStore) -> None:
    present = Present(parts={C: ((0, 4), (6, 9))}, part_generations={C: 4})
    arrivals = decide(store, present, Target("rules/x", 10, C))
    assert dict(arrivals.begun) == {C: ((0, 4), (6, 9))}
    assert arrivals.since == 4
    assert [target.arrives for target in arrivals.targets] == ["blob"]


def test_what_is_begun_is_carried_whole_when_nothing_of_it_is_missing_by_word_of_a_receipt(store: BlobStore) -> None:
    present = Present(parts={C: ((0, 99),)}, part_generations={C: 4})
    arrivals = decide(store, present, Target("rules/x", 10, C))
    assert (arrivals.begun, arrivals.since) == ({}, None)


def test_what_changed_travels_as_a_patch_that_is_kept_in_the_store(store: BlobStore) -> None:
    noise = b"".join(sha256(str(number).encode()).digest() for number in range(2_000))
    old = Target("rules/x", len(noise), _add(store, noise))
    new = Target("rules/x", len(noise) + 3, _add(store, noise + b"new"))
    present = Present({old.sha256: 3}, ((old,),))
    arrivals = decide(store, present, new)
    (patch,) = arrivals.patches
    assert (patch.sha256, patch.base_sha256) == (new.sha256, old.sha256)
    assert store.has_blob(Blob(patch.patch_sha256, patch.patch_length))
    assert ([target.arrives for target in arrivals.targets], arrivals.blobs, arrivals.since) == (["patch"], (), 3)
    assert decide(store, present, new, volume_size=patch.patch_length).patches == ()


def test_what_may_be_deflated_is_what_readers_lack_and_the_documents_but_for_roots() -> None:
    version = NextVersion(
        publisher="plant",
        snapshot_version=2,
        root_version=1,
        created=NOW,
        tool="t",
        sources=(),
        targets=(Target("rules/x", 10, A), Target("rules/y", 10, D), Target("rules/z", 10, D)),
        documents=(("tuf/1.root.json", b"root"), ("tuf/timestamp.json", b"timestamp")),
    )
    assert compressible_blobs(version, Present({A: 1})) == [Blob(D, 10), Blob(sha256(b"timestamp").hexdigest(), 9)]


def _add(store: BlobStore, data: bytes) -> str:
    with store.batch() as batch:
        blob = batch.add([data])
        batch.commit()
    return blob.sha256
