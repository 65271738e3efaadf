import sqlite3

import pytest

from manifests.progress import CancelledError, CancelToken, NoProgress
from relay.context import Context
from relay.receipt.make import make_receipt
from relay.state import State
from relay.store.verify import StoreDamage, StoreReport, discard_damaged_blobs, verify_store
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
        digest = next(target.sha256 for target in state.generations.list_targets(generation) if target.path == path)
    return home.store.path(digest)


def test_a_whole_store_is_clean(home):
    report = verify_store(home, NoProgress(), CancelToken())
    assert (report.served, report.blobs, report.bytes_read, report.damage, report.remedy) == ((2,), 3, 6, (), ())


def test_a_flipped_byte_and_a_missing_file_are_found_with_their_paths_and_generations(home):
    flipped, missing = blob_path(home, 2, "rules/b"), blob_path(home, 1, "rules/a")
    flipped.chmod(0o644)
    flipped.write_bytes(b"bX")
    missing.unlink()
    report = verify_store(home, NoProgress(), CancelToken())
    found = {damage.sha256: (damage.paths, damage.generations) for damage in report.damage}
    assert found == {
        flipped.name: (("rules/b",), (1, 2)),
        missing.name: (("rules/a",), (1,)),
    }
    assert report.remedy[0] == "relay check --discard"
    assert report.remedy[-1] == "or, in the DMZ, bundle create --full, and import that"


def test_damage_that_is_not_served_needs_nothing(home):
    blob_path(home, 1, "rules/a").unlink()
    assert verify_store(home, NoProgress(), CancelToken()).remedy == (
        "relay check --discard",
        "nothing more: generation 2, which is served, needs none of it",
    )


def test_discarded_damage_comes_back_with_the_bundle(home, forge, tmp_path):
    damaged = blob_path(home, 2, "rules/b")
    damaged.chmod(0o644)
    damaged.write_bytes(b"bX")
    discard_damaged_blobs(home, verify_store(home, NoProgress(), CancelToken()), wait_seconds=0)
    assert not damaged.exists()
    assert import_bundle(home, tmp_path / "2.zip", forge.clock()).outcome == "repaired"
    assert verify_store(home, NoProgress(), CancelToken()).damage == ()


def test_what_has_arrived_of_a_generation_is_hashed_too_and_a_receipt_claims_none_of_it_that_rotted(
    home, forge, tmp_path
):
    """Else the generation would be made whole with it, and the publisher would build on it."""
    forge.files |= {"rules/c": b"c3", "rules/d": b"d3"}
    first, second = forge.seal_volumes(tmp_path, 2)
    import_bundle(home, first, forge.clock())
    with State(home.database) as state:
        new = [target for target in state.arriving.list_targets(3) if target.path in {"rules/c", "rules/d"}]
    rotten = next(target for target in new if home.store.path(target.sha256).exists())
    assert verify_store(home, NoProgress(), CancelToken()).damage == ()
    path = home.store.path(rotten.sha256)
    path.chmod(0o644)
    path.write_bytes(b"XX")
    report = verify_store(home, NoProgress(), CancelToken())
    assert [(damage.sha256, damage.generations) for damage in report.damage] == [(rotten.sha256, (3,))]
    assert report.remedy[1:] == (
        "relay import the bundles of generation 3 again",
        "or relay receipt, and with it in the DMZ: bundle create --since RECEIPT",
    )
    context = Context(home, make_config(home), forge.clock())
    assert rotten.sha256 in make_receipt(context).receipt.pending_holds
    assert rotten.sha256 not in make_receipt(context, report=report).receipt.pending_holds
    discard_damaged_blobs(home, report, wait_seconds=0)
    assert import_bundle(home, second, forge.clock()).outcome == "stored"
    assert import_bundle(home, first, forge.clock()).outcome == "imported"
    assert verify_store(home, NoProgress(), CancelToken()).damage == ()


def test_a_manifest_that_was_changed_in_the_database_is_found(home):
    connection = sqlite3.connect(home.database)
    with connection:
        connection.execute("UPDATE generations SET manifest = x'00' WHERE number = 1")
    connection.close()
    report = verify_store(home, NoProgress(), CancelToken())
    assert [(damage.kind, damage.what) for damage in report.damage] == [
        ("manifest", "The manifest of generation 1 is not the one that was signed")
    ]
    assert report.remedy[0].startswith("for the database")


def test_a_row_that_hangs_in_the_air_is_found(home):
    connection = sqlite3.connect(home.database)
    with connection:
        connection.execute("DELETE FROM generations WHERE number = 1")
    connection.close()
    assert [damage.kind for damage in verify_store(home, NoProgress(), CancelToken()).damage] == ["database"]


def test_what_an_import_brought_after_the_hashing_is_not_discarded(home, forge, tmp_path):
    missing, altered = blob_path(home, 2, "rules/b"), blob_path(home, 2, "rules/a")
    missing.unlink()
    altered.chmod(0o644)
    altered.write_bytes(b"longer than it was")
    report = verify_store(home, NoProgress(), CancelToken())
    assert len(report.damage) == 2
    assert import_bundle(home, tmp_path / "2.zip", forge.clock()).outcome == "repaired"
    discard_damaged_blobs(home, report, wait_seconds=0)
    assert verify_store(home, NoProgress(), CancelToken()).damage == ()


def test_a_cancelled_verification_ends_at_the_next_blob(home):
    cancel = CancelToken()

    class Counting(NoProgress):
        bytes = 0

        def advance(self, done):
            self.bytes += done
            cancel.cancel()

    counting = Counting()
    with pytest.raises(CancelledError):
        verify_store(home, counting, cancel)
    assert counting.bytes == 2


@pytest.mark.parametrize(
    ("hurt", "first"),
    [
        ((2,), "relay import the bundle of generation 2 again if it was a full one"),
        ((1, 2, 3), "relay import the bundle of generation 2 again if it was a full one"),
        ((3,), "relay import the bundles of generation 3 again"),
        ((1,), "nothing more: generation 2, which is served, needs none of it"),
    ],
)
def test_the_remedy_goes_by_what_is_served_and_not_by_what_is_newest(hurt, first):
    report = StoreReport((2,), 1, 1, (StoreDamage("blob", "missing", "a" * 64, ("rules/a",), hurt),))
    assert report.remedy[1] == first
