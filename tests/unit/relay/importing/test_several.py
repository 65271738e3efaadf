import pytest

from manifests import recovery
from manifests.errors import NotAuthenticError, RollbackError, StorageError
from manifests.progress import NoProgress
from relay.importing.several import find_shortfall, import_paths
from relay.state import State
from tests.support.relay_bundles import BundleForge, Forgery, new_signer
from tests.support.relay_homes import import_bundle, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


@pytest.fixture
def stick(tmp_path):
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def run(home, forge, *paths):
    def newest():
        with State(home.database) as state:
            return state.generations.find_newest_number()

    return list(import_paths(paths, newest, lambda path: import_bundle(home, path, forge.clock())))


def protect(path, side):
    workspace = path.parent.parent / "recovery"
    workspace.mkdir()
    recovery.make_side_file(path, 100, side, name=path.name, workspace=workspace, progress=NoProgress())


def test_a_directory_is_imported_oldest_first_whatever_the_names_say(home, forge, stick):
    for name in ("z", "m", "a"):
        forge.files["rules/a"] = name.encode()
        forge.seal(stick / name, since=forge.version or None)
    assert [attempt.result.generation for attempt in run(home, forge, stick)] == [1, 2, 3]


def test_on_the_next_visit_the_older_ones_are_passed_over(home, forge, stick):
    for number in (1, 2, 3):
        forge.seal(stick / f"{number}.zip")
    run(home, forge, stick)
    again = run(home, forge, stick)
    assert [attempt.passed_over is not None for attempt in again] == [True, True, False]
    assert again[2].result.outcome == "already-imported"
    assert not home.audit_file.exists()


def test_a_file_that_is_named_is_never_passed_over(home, forge, stick):
    forge.seal(stick / "1.zip")
    forge.seal(stick / "2.zip")
    run(home, forge, stick)
    assert isinstance(run(home, forge, stick / "1.zip")[0].error, RollbackError)


def test_only_what_begins_like_a_bundle_counts_in_a_directory(home, forge, stick):
    forge.seal(stick / "1.bin")
    (stick / "other.zip").write_bytes(b"PK\x03\x04" + b"\0" * 26 + b"word/document.xml")
    (stick / "empty").touch()
    (stick / "link.zip").symlink_to(stick / "1.bin")
    (stick / "folder").mkdir()
    attempts = run(home, forge, stick)
    assert [(attempt.path, attempt.result.outcome) for attempt in attempts] == [(stick / "1.bin", "imported")]


def test_a_refused_bundle_does_not_stop_the_others(home, forge, stick):
    forge.seal(stick / "1.zip", Forgery(signers={"manifest": [new_signer()]}))
    forge.seal(stick / "2.zip")
    cut = (stick / "2.zip").read_bytes()[:-30]
    (stick / "0.zip").write_bytes(cut)
    attempts = run(home, forge, stick)
    assert [attempt.path.name for attempt in attempts] == ["1.zip", "2.zip", "0.zip"]
    assert isinstance(attempts[0].error, NotAuthenticError)
    assert attempts[1].result.outcome == "imported"
    assert attempts[2].error.exit_code == 21


def test_a_failing_disk_stops_at_once(home, forge, stick):
    forge.seal(stick / "1.zip")
    home.store.temporary.rmdir()
    with pytest.raises(StorageError):
        run(home, forge, stick)


def test_a_bundle_whose_beginning_is_lost_counts_when_recovery_data_lies_beside_it(home, forge, stick):
    path = forge.seal(stick / "1.zip")
    protect(path, stick / "1.ZIP.PAR2")
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    (attempt,) = run(home, forge, stick)
    assert attempt.path == path
    assert (attempt.result.outcome, attempt.result.generation) == ("imported", 1)


def test_an_older_one_that_is_told_only_once_it_is_repaired_is_passed_over_too(home, forge, stick):
    path = forge.seal(stick / "1.zip")
    protect(path, stick / "1.zip.par2")
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    forge.seal(stick / "2.zip")
    attempts = run(home, forge, stick)
    assert attempts[0].result.generation == 2
    assert attempts[1].passed_over == "It is older than generation 2"
    assert find_shortfall(attempts, 2) is None


def test_a_file_that_cannot_be_opened_does_not_stop_the_others(home, forge, stick):
    gone = forge.seal(stick / "1.zip")
    forge.seal(stick / "2.zip")
    gone.unlink()
    attempts = run(home, forge, gone, stick)
    assert sorted(attempt.result is not None for attempt in attempts) == [False, True]
    assert next(attempt.error for attempt in attempts if attempt.error).exit_code == 40


def test_what_a_damaged_bundle_lacks_is_said_as_it_is_after_the_volumes_behind_it(home, forge, stick):
    forge.files = {f"rules/{number}": bytes([number]) * 3000 for number in range(6)}
    first, second, _ = forge.seal_volumes(stick, 3)
    whole = first.read_bytes()
    first.write_bytes(whole[:-4000] + b"X" * 100 + whole[-3900:])
    attempts = run(home, forge, first, second)
    assert attempts[0].error.code == "bundle.damaged"
    error = find_shortfall(attempts, 0)
    assert error.code == attempts[0].error.code
    assert (error.have, error.need, error.todo) == tuple(
        getattr(attempts[1].result.outstanding, name) for name in ("have", "need", "todo")
    )
    assert error.have.startswith("volumes 1, 2 of 3")
    assert error.need.startswith("volume 3 of 3")
