import copy
from datetime import timedelta

import pytest

from manifests.errors import (
    ExpiredError,
    IncompleteError,
    LockedError,
    OlderTimestampError,
    SealiftError,
    StorageError,
)
from relay.context import Context
from relay.importing.importer import import_or_quarantine
from relay.importing.refusals import Refusal
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from tests.support.relay_bundles import CREATED, BundleForge, clock_at
from tests.support.relay_homes import (
    fingerprint,
    import_and_follow,
    import_bundle,
    make_config,
    make_context,
    make_home,
)


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a" * 5000, "clamav/b": bytes(range(256)) * 8000}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


def content(home):
    with State(home.database) as state:
        return {
            path: b"".join(home.store.read(blob.sha256))
            for path, blob, _ in state.publications.list_files(DEFAULT_RING)
        }


def test_an_import_stores_activates_and_leaves_the_file(home, forge, tmp_path):
    path = forge.seal(tmp_path / "renamed.bin", deflated=["rules/a"], notes=b"# Notes\n")
    result = import_bundle(home, path, forge.clock())
    assert (result.outcome, result.generation, result.targets, result.bytes_read) == ("imported", 1, 2, 2_053_000)
    assert content(home) == forge.files
    assert path.is_file()
    with State(home.database) as state:
        assert state.event_rows.list_events(["import"])[0].details["generation"] == 1


def test_the_feature_list_is_written_in_every_form_and_language(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    assert sorted(path.name for path in home.out.iterdir()) == [
        "features.en.dsm-c.sh",
        "features.en.txt",
        "features.ja.dsm-c.sh",
        "features.ja.txt",
        "features.json",
        "features.rest.json",
        "receipt.json",
    ]
    assert b'"connectivity": "isolated"' in (home.out / "features.json").read_bytes()


def test_the_import_stands_when_the_feature_list_cannot_be_written(home, forge, tmp_path):
    home.out.rmdir()
    home.out.write_text("in the way")
    result = import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    assert result.outcome == "imported"
    assert b'"kind": "out-failed"' in home.audit_file.read_bytes()


def test_the_same_file_twice_is_a_stated_no_op(home, forge, tmp_path):
    path = forge.seal(tmp_path / "1.zip")
    import_bundle(home, path, forge.clock())
    before = fingerprint(home)
    result = import_bundle(home, path, forge.clock())
    assert (result.outcome, result.bytes_read) == ("already-imported", 0)
    assert result.text == "Generation 1 is here already; nothing to do"
    assert fingerprint(home) == before


def test_an_increment_uses_what_is_held(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files["rules/new"] = b"new"
    result = import_bundle(home, forge.seal(tmp_path / "2.zip", since=1), forge.clock())
    assert (result.generation, result.bytes_read) == (2, 3)
    assert content(home) == forge.files


def test_generations_may_be_skipped_by_full_bundles(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    for _ in range(5):
        forge.rotate({"timestamp": forge.signers["targets"]})
        forge.seal(tmp_path / "skipped.zip")
    assert import_bundle(home, forge.seal(tmp_path / "7.zip"), forge.clock()).generation == 7


def test_a_missing_base_is_named_with_the_command_to_type(home, forge, tmp_path):
    first = forge.seal(tmp_path / "1.zip")
    forge.files["rules/a"] = b"a2"
    forge.seal(tmp_path / "2.zip", since=1)
    forge.files["rules/c"] = b"c"
    third = forge.seal(tmp_path / "3.zip", since=2)
    import_bundle(home, first, forge.clock())
    before = fingerprint(home)
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, third, forge.clock())
    error = caught.value
    assert error.code == "base.missing"
    assert error.have == "generation 1, 2 of 3 files"
    assert error.need == "1 file, 2 bytes, as in generation 2"
    assert error.todo == "in the DMZ: bundle create --since 1"
    assert fingerprint(home) == before


def test_a_site_without_any_generation_is_told_to_ask_for_a_full_bundle(home, forge, tmp_path):
    forge.seal(tmp_path / "1.zip")
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, forge.seal(tmp_path / "2.zip", since=1), forge.clock())
    assert caught.value.have == "no generation yet, 0 of 2 files"
    assert caught.value.todo == "in the DMZ: bundle create --full"


def test_content_that_the_store_lost_comes_back_with_the_same_bundle(home, forge, tmp_path):
    path = forge.seal(tmp_path / "1.zip")
    import_bundle(home, path, forge.clock())
    before = content(home)
    with State(home.database) as state:
        digest = next(target.sha256 for target in state.generations.list_targets(1))
    home.store.path(digest).unlink()
    result = import_bundle(home, path, forge.clock())
    assert (result.outcome, result.text) == ("repaired", "Content that generation 1 had lost is back: 1 file")
    assert content(home) == before
    assert import_bundle(home, path, forge.clock()).outcome == "already-imported"


def test_too_little_room_is_said_before_anything_is_written(home, forge, tmp_path):
    config = make_config(home, reserve_bytes=2**60)
    path = forge.seal(tmp_path / "1.zip")
    before = fingerprint(home)
    with pytest.raises(StorageError) as caught:
        import_and_follow(Context(home, config, forge.clock()), path)
    assert caught.value.code == "storage.space"
    assert caught.value.details["needed"] > 2**60
    assert fingerprint(home) == before
    assert not home.audit_file.exists()


def test_an_expired_bundle_is_refused_unless_the_operator_accepts_it_on_record(home, forge, tmp_path):
    path = forge.seal(tmp_path / "1.zip")
    late = clock_at(CREATED + timedelta(days=500))
    before = fingerprint(home)
    with pytest.raises(ExpiredError):
        import_bundle(home, path, late)
    assert fingerprint(home) == before
    assert import_bundle(home, path, late, accept_expired=True).outcome == "imported"
    with State(home.database) as state:
        event = state.event_rows.list_events(["import"])[0]
    assert event.details["accepted_expired"] == "timestamp,snapshot,clamav,rules,targets"
    assert "accepted by the operator although expired" in event.text


def test_a_clock_wound_back_before_the_floor_does_not_revive_an_expired_bundle(home, tmp_path):
    short = BundleForge(lifetime=timedelta(days=2))
    home = make_home(tmp_path / "other", short.root)
    short.files = {"rules/a": b"a"}
    import_bundle(home, short.seal(tmp_path / "1.zip"), short.clock())
    short.lifetime = timedelta(days=-1)
    with pytest.raises(ExpiredError):
        import_bundle(home, short.seal(tmp_path / "2.zip"), clock_at(CREATED - timedelta(days=5000)))


def test_an_import_waits_for_the_lock_and_says_who_holds_it(home, forge, tmp_path):
    path = forge.seal(tmp_path / "1.zip")
    with home.lock(), pytest.raises(LockedError) as caught:
        import_bundle(home, path, forge.clock(), wait_seconds=0)
    assert caught.value.code == "lock.held"
    assert import_bundle(home, path, forge.clock(), wait_seconds=0).outcome == "imported"


def test_what_an_interrupted_import_left_is_swept_by_the_next(home, forge, tmp_path):
    (home.store.temporary / "blob-0123").write_bytes(b"half")
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    assert list(home.store.temporary.iterdir()) == []


def test_an_incomplete_bundle_is_not_quarantined_for_its_base_may_yet_come(home, forge, tmp_path):
    forge.seal(tmp_path / "1.zip")
    ended = import_or_quarantine(make_context(home, forge.clock()), forge.seal(tmp_path / "2.zip", since=1))
    assert isinstance(ended, Refusal)
    assert isinstance(ended.error, IncompleteError)
    assert ended.error.generation == 2
    assert (ended.record, ended.quarantined_as) == (None, None)
    assert list(home.quarantine.glob("*.json")) == []


def test_an_older_bundle_is_refused_into_quarantine_when_asked(home, forge, tmp_path):
    first, second = forge.seal(tmp_path / "1.zip"), forge.seal(tmp_path / "2.zip")
    import_bundle(home, second, forge.clock())
    before = fingerprint(home)
    ended = import_or_quarantine(make_context(home, forge.clock()), first)
    assert isinstance(ended, Refusal)
    assert isinstance(ended.error, OlderTimestampError)
    assert fingerprint(home) == before
    assert first.exists()
    assert ended.record is not None
    assert ended.quarantined_as == ended.record.id
    assert (home.quarantine / f"{ended.record.id}.sealed").is_file()


def test_a_publisher_that_counts_anew_is_told_to_go_on_above_what_is_here(home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    restored = copy.deepcopy(forge)
    forge.files["rules/a"] = b"seen here"
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    restored.files["rules/a"] = b"and not this"
    again = restored.seal(tmp_path / "again.zip")
    before = fingerprint(home)
    with pytest.raises(SealiftError) as caught:
        import_bundle(home, again, restored.clock())
    assert caught.value.code == "tuf.version.rules"
    assert "bundle restored --above 2, then bundle create" in caught.value.todo
    assert fingerprint(home) == before
