"""Volumes, parts and patches into a relay: any order, any subset; what is trusted moves with the last content."""

import itertools
import random

import pytest

from manifests.errors import IncompleteError, RollbackError, SealiftError, StorageError
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.store.outstanding import find_arrived_content, list_outstanding
from relay.store.parts import assembly_path
from tests.support.relay_bundles import BundleForge, Forgery
from tests.support.relay_cargo import digest_of
from tests.support.relay_homes import (
    fingerprint,
    import_and_follow,
    import_bundle,
    make_context,
    make_home,
)

DICE = random.Random(3)
LARGE, OTHER = DICE.randbytes(100_000), DICE.randbytes(40_000)


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"alert " * 900, "rules/b": b"b" * 77, "clamav/large": LARGE, "clamav/other": OTHER}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


def served(home):
    with State(home.database) as state:
        return {
            path: b"".join(home.store.read(blob.sha256))
            for path, blob, _ in state.publications.list_files(DEFAULT_RING)
        }


def trust(home):
    with State(home.database) as state:
        return state.trusted.load_trusted(), state.generations.find_newest_number(), state.trusted.load_metadata()


def pending_of(home):
    with State(home.database) as state:
        return list_outstanding(state, home.store)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_volumes_in_any_order_make_the_generation_with_the_last(home, forge, tmp_path, order):
    volumes = forge.seal_volumes(tmp_path, 3, parts={"clamav/large": 30_000}, deflated=["rules/a"])
    before = trust(home)
    outcomes = []
    for index in order:
        assert trust(home) == before
        assert served(home) == {}
        outcomes.append(import_bundle(home, volumes[index], forge.clock()).outcome)
    assert outcomes == ["stored", "stored", "imported"]
    assert served(home) == forge.files
    assert pending_of(home) == ()
    assert list(home.store.temporary.iterdir()) == []


def test_each_volume_says_what_is_still_needed_and_what_to_type(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 3, parts={"clamav/large": 30_000})
    left = import_bundle(home, volumes[1], forge.clock()).outstanding
    assert (left.generation, left.volume_count, left.seen, left.unseen) == (1, 3, (2,), (1, 3))
    # of the blobs in their order: rules by path, then the parts
    assert left.missing_targets + sum(home.store.path(digest_of(d)).exists() for d in forge.files.values()) == 4
    assert left.need.startswith("volumes 1, 3 of 3: ")
    assert left.todo == (
        "import forge-000001-full-v1-of-3.zip; if it is lost, in the DMZ: bundle create --again 1; for just the rest: "
        "relay receipt, and with it in the DMZ: bundle create --since RECEIPT"
    )
    everything = sum(map(len, forge.files.values()))
    held = sum(len(data) for data in forge.files.values() if home.store.path(digest_of(data)).exists())
    with State(home.database) as state:
        (ranges,) = state.arriving.load_parts().values()
    assert left.missing_bytes == everything - held - sum(behind - first for first, behind in ranges)


def test_the_same_volume_twice_is_a_stated_no_op(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 2)
    import_bundle(home, volumes[0], forge.clock())
    before = fingerprint(home)
    result = import_bundle(home, volumes[0], forge.clock())
    assert (result.outcome, result.bytes_read) == ("already-stored", 0)
    assert result.text.startswith("Volume 1 of 2 of generation 1 is here already. Still needed: volume 2 of 2: ")
    assert fingerprint(home) == before


def test_volumes_of_two_generations_may_be_mixed_and_the_newer_wins(home, forge, tmp_path):
    first = forge.seal_volumes(tmp_path, 2)
    forge.files["rules/a"] = b"new"
    second = forge.seal_volumes(tmp_path, 2)
    for path in (second[0], first[1]):
        assert import_bundle(home, path, forge.clock()).outcome == "stored"
    assert [left.generation for left in pending_of(home)] == [1, 2]
    assert import_bundle(home, second[1], forge.clock()).outcome == "imported"
    assert served(home) == forge.files
    assert pending_of(home) == ()
    with pytest.raises(RollbackError):
        import_bundle(home, first[0], forge.clock())


def test_the_older_generation_may_become_whole_first(home, forge, tmp_path):
    first = forge.seal_volumes(tmp_path, 2)
    old = dict(forge.files)
    forge.files["rules/b"] = b"new"
    second = forge.seal_volumes(tmp_path, 2)
    import_bundle(home, second[1], forge.clock())
    import_bundle(home, first[0], forge.clock())
    assert import_bundle(home, first[1], forge.clock()).generation == 1
    assert served(home) == old
    assert [left.generation for left in pending_of(home)] == [2]
    assert import_bundle(home, second[0], forge.clock()).generation == 2


def test_what_volumes_brought_counts_for_another_bundle_of_the_generation(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 3, parts={"clamav/large": 30_000})
    import_bundle(home, volumes[0], forge.clock())
    (tmp_path / "again").mkdir()
    again = forge.seal_volumes(tmp_path / "again", 2, parts={"clamav/large": 70_000}, again=True)
    assert import_bundle(home, again[1], forge.clock()).outcome == "stored"
    assert import_bundle(home, again[0], forge.clock()).outcome == "imported"
    assert served(home) == forge.files


def test_a_volume_that_a_newer_bundle_overtook_is_refused_as_older(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 2)
    import_bundle(home, volumes[0], forge.clock())
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    before = fingerprint(home)
    with pytest.raises(RollbackError):
        import_bundle(home, volumes[1], forge.clock())
    assert fingerprint(home) == before


def test_a_forged_volume_changes_nothing(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 2)
    import_bundle(home, volumes[0], forge.clock())
    swapped = Forgery(members=lambda rows: [(n, b"X" * len(d) if n.startswith("tuf/") else d) for n, d in rows])
    (tmp_path / "bad").mkdir()
    bad = forge.seal_volumes(tmp_path / "bad", 2, swapped, again=True)
    before = fingerprint(home)
    with pytest.raises(SealiftError):
        import_bundle(home, bad[1], forge.clock())
    assert fingerprint(home) == before


def test_a_patch_is_applied_to_content_that_is_held(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files["clamav/large"] = LARGE[:50_000] + b"news" + LARGE[50_000:]
    path = forge.seal(tmp_path / "2.zip", since=1, patched={"clamav/large": LARGE})
    assert path.stat().st_size < 12_000
    assert import_bundle(home, path, forge.clock()).outcome == "imported"
    assert served(home) == forge.files
    assert list(home.store.temporary.iterdir()) == []


def test_patches_travel_in_volumes_too(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files |= {"clamav/large": LARGE + b"1", "clamav/other": OTHER + b"2", "rules/new": b"3" * 9}
    patched = {"clamav/large": LARGE, "clamav/other": OTHER}
    volumes = forge.seal_volumes(tmp_path, 2, since=1, patched=patched)
    assert [import_bundle(home, path, forge.clock()).outcome for path in volumes[::-1]] == ["stored", "imported"]
    assert served(home) == forge.files


def test_a_patch_whose_base_is_lacking_names_the_command_and_changes_nothing(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files["clamav/large"] = OTHER * 2
    forge.seal(tmp_path / "2.zip", since=1)
    forge.files["clamav/large"] = OTHER * 2 + b"3"
    third = forge.seal(tmp_path / "3.zip", since=2, patched={"clamav/large": OTHER * 2})
    before = fingerprint(home)
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, third, forge.clock())
    assert (caught.value.code, caught.value.todo) == ("base.missing", "in the DMZ: bundle create --since 1")
    assert fingerprint(home) == before


def test_the_newest_generation_that_is_whole_is_what_to_ask_since(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files["rules/b"] = b"second"
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    home.store.path(digest_of(b"second")).unlink()
    forge.files["rules/a"] = b"third"
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, forge.seal(tmp_path / "3.zip", since=2), forge.clock())
    assert caught.value.todo == "in the DMZ: bundle create --since 1"


def test_a_base_that_has_rotted_is_found_and_nothing_wrong_becomes_visible(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    base = home.store.path(digest_of(LARGE))
    base.chmod(0o644)
    base.write_bytes(b"rotten" + LARGE[6:])
    forge.files["clamav/large"] = LARGE + b"news"
    path = forge.seal(tmp_path / "2.zip", since=1, patched={"clamav/large": LARGE})
    before = fingerprint(home)
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, path, forge.clock())
    assert caught.value.code == "base.damaged"
    assert "relay check --discard" in caught.value.todo
    assert fingerprint(home) == before


def test_a_part_that_has_rotted_costs_its_volume_once_more_and_no_good_bundle_is_refused(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 3, parts={"clamav/large": 30_000})
    import_bundle(home, volumes[0], forge.clock())
    import_bundle(home, volumes[1], forge.clock())
    with State(home.database) as state:
        ((sha256, ranges),) = state.arriving.load_parts().items()
    with assembly_path(home.store, sha256).open("r+b") as file:
        file.seek(ranges[0][0])
        file.write(bytes(5))
    result = import_bundle(home, volumes[2], forge.clock())
    assert result.outcome == "stored"
    assert "needed again, because this disk damaged what came before: 30,000 bytes. Still needed:" in result.text
    assert trust(home)[1] == 0
    outcomes = [import_bundle(home, path, forge.clock()).outcome for path in volumes]
    assert "imported" in outcomes
    assert served(home) == forge.files


def test_room_for_parts_is_asked_for_once(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 2, parts={"clamav/large": 50_000})
    with pytest.raises(StorageError) as caught:
        import_and_follow(make_context(home, forge.clock(), reserve_bytes=2**60), volumes[0])
    assert caught.value.code == "storage.space"
    assert caught.value.details["needed"] - 2**60 > len(LARGE)
    import_bundle(home, volumes[0], forge.clock())
    with pytest.raises(StorageError) as caught:
        import_and_follow(make_context(home, forge.clock(), reserve_bytes=2**60), volumes[1])
    assert caught.value.details["needed"] - 2**60 < len(LARGE)


def test_content_that_a_generation_lost_comes_back_volume_by_volume(home, forge, tmp_path):
    volumes = forge.seal_volumes(tmp_path, 2, parts={"clamav/large": 50_000})
    for path in volumes:
        import_bundle(home, path, forge.clock())
    for data in forge.files.values():
        home.store.path(digest_of(data)).unlink()
    results = [import_bundle(home, path, forge.clock()) for path in volumes]
    assert [result.outcome for result in results] == ["repaired", "repaired"]
    assert "still missing" in results[0].text
    assert served(home) == forge.files


def test_a_receipt_tells_of_what_is_stored_for_a_pending_generation_alone(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files |= {"rules/new": b"new", "rules/newer": b"newer"}
    volumes = forge.seal_volumes(tmp_path, 2, since=1)
    import_bundle(home, volumes[0], forge.clock())
    with State(home.database) as state:
        part = find_arrived_content(state, home.store)
    assert part.generation == 2
    assert part.holds in ({digest_of(b"new")}, {digest_of(b"newer")})
