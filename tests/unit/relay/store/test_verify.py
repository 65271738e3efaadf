import sqlite3

import pytest

from manifests.progress import NoProgress
from relay.receipt import make as receipt
from relay.state import State
from relay.store.verify import check, discard
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a1", "rules/b": b"b1"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    home = make_home(tmp_path / "relay", forge.root)
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files["rules/a"] = b"a2"
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    return home


def blob_path(home, generation, path):
    with State(home.database) as state:
        digest = next(target.sha256 for target in state.targets(generation) if target.path == path)
    return home.blobs.path(digest)


def test_a_whole_store_is_clean(home):
    report = check(home, NoProgress())
    assert (report.newest, report.blobs, report.bytes_read, report.damage, report.remedy) == (2, 3, 6, (), ())


def test_a_flipped_byte_and_a_missing_file_are_found_with_their_paths_and_generations(home):
    flipped, missing = blob_path(home, 2, "rules/b"), blob_path(home, 1, "rules/a")
    flipped.chmod(0o644)
    flipped.write_bytes(b"bX")
    missing.unlink()
    report = check(home, NoProgress())
    found = {damage.sha256: (damage.paths, damage.generations) for damage in report.damage}
    assert found == {
        flipped.name: (("rules/b",), (1, 2)),
        missing.name: (("rules/a",), (1,)),
    }
    assert report.remedy[0] == "relay check --discard"
    assert report.remedy[-1] == "or, in the DMZ, bundle create --full, and import that"


def test_damage_that_is_not_served_needs_nothing(home):
    blob_path(home, 1, "rules/a").unlink()
    assert check(home, NoProgress()).remedy == (
        "relay check --discard",
        "nothing more: generation 2, which is served, needs none of it",
    )


def test_discarded_damage_comes_back_with_the_bundle(home, forge, tmp_path):
    damaged = blob_path(home, 2, "rules/b")
    damaged.chmod(0o644)
    damaged.write_bytes(b"bX")
    discard(home, check(home, NoProgress()), wait_seconds=0)
    assert not damaged.exists()
    assert import_bundle(home, tmp_path / "2.zip", forge.clock()).outcome == "repaired"
    assert check(home, NoProgress()).damage == ()


def test_what_has_arrived_of_a_generation_is_hashed_too_and_a_receipt_claims_none_of_it_that_rotted(
    home, forge, tmp_path
):
    """Else the generation would be made whole with it, and the publisher would build on it."""
    forge.files |= {"rules/c": b"c3", "rules/d": b"d3"}
    first, second = forge.seal_volumes(tmp_path, 2)
    import_bundle(home, first, forge.clock())
    with State(home.database) as state:
        new = [target for target in state.pending.targets(3) if target.path in {"rules/c", "rules/d"}]
    rotten = next(target for target in new if home.blobs.path(target.sha256).exists())
    assert check(home, NoProgress()).damage == ()
    path = home.blobs.path(rotten.sha256)
    path.chmod(0o644)
    path.write_bytes(b"XX")
    report = check(home, NoProgress())
    assert [(damage.sha256, damage.generations) for damage in report.damage] == [(rotten.sha256, (3,))]
    assert report.remedy[1:] == (
        "relay import the bundles of generation 3 again",
        "or relay receipt, and with it in the DMZ: bundle create --since RECEIPT",
    )
    now = forge.clock()()
    assert rotten.sha256 in receipt.make(home, make_config(home), now).receipt.pending_holds
    assert rotten.sha256 not in receipt.make(home, make_config(home), now, report=report).receipt.pending_holds
    discard(home, report, wait_seconds=0)
    assert import_bundle(home, second, forge.clock()).outcome == "stored"
    assert import_bundle(home, first, forge.clock()).outcome == "imported"
    assert check(home, NoProgress()).damage == ()


def test_a_manifest_that_was_changed_in_the_database_is_found(home):
    connection = sqlite3.connect(home.database)
    with connection:
        connection.execute("UPDATE generations SET manifest = x'00' WHERE number = 1")
    connection.close()
    report = check(home, NoProgress())
    assert [(damage.kind, damage.what) for damage in report.damage] == [
        ("manifest", "The manifest of generation 1 is not the one that was signed")
    ]
    assert report.remedy[0].startswith("for the database")


def test_a_row_that_hangs_in_the_air_is_found(home):
    connection = sqlite3.connect(home.database)
    with connection:
        connection.execute("DELETE FROM generations WHERE number = 1")
    connection.close()
    assert [damage.kind for damage in check(home, NoProgress()).damage] == ["database"]
