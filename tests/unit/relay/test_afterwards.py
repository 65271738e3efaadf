from dataclasses import replace

import pytest

from manifests.disk.lock import exclusive_lock
from manifests.errors import IncompleteError
from manifests.progress import CancelledError
from manifests.receipt import verify_receipt
from relay.afterwards import FollowUp, follow_import
from relay.importing.importer import import_bundle
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from tests.support.damage import spoil_pages
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import make_context, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a1"}
    return forge


@pytest.fixture
def context(tmp_path, forge):
    return make_context(make_home(tmp_path / "relay", forge.root), forge.clock())


@pytest.fixture
def bundle(tmp_path, forge):
    return forge.seal(tmp_path / "1.zip")


def served(context):
    with State(context.home.database) as state:
        return state.publications.find_ring(DEFAULT_RING).generation


def receipt_of(context):
    return verify_receipt((context.home.out / "receipt.json").read_bytes()).receipt


def kinds(context):
    with State(context.home.database) as state:
        return [event.kind for event in state.event_rows.list_events()]


def test_what_follows_is_activation_feature_list_and_a_receipt_that_tells_of_them(context, bundle):
    import_bundle(context, bundle)
    assert not context.home.out.exists() or list(context.home.out.iterdir()) == []
    followed = follow_import(context)
    assert [event.kind for event in followed.moves] == ["activate"]
    assert followed.failures == ()
    assert served(context) == 1
    assert (context.home.out / "features.json").is_file()
    assert (receipt_of(context).newest, receipt_of(context).rings) == (1, ((DEFAULT_RING, 1),))


def test_a_generation_that_was_held_and_not_activated_is_activated_the_next_time(context, bundle):
    import_bundle(context, bundle)  # and the process is gone
    assert served(context) is None
    assert import_bundle(context, bundle).outcome == "already-imported"
    follow_import(context)
    assert served(context) == 1
    assert receipt_of(context).newest == 1


def test_when_nothing_has_changed_nothing_is_done(context, bundle):
    import_bundle(context, bundle)
    follow_import(context)
    before = (kinds(context), (context.home.out / "receipt.json").read_bytes())
    assert follow_import(context) == FollowUp()
    assert (kinds(context), (context.home.out / "receipt.json").read_bytes()) == before


def test_between_two_files_the_receipt_waits_and_stays_due(context, forge, bundle, tmp_path):
    import_bundle(context, bundle)
    follow_import(context, more_to_come=True)
    assert served(context) == 1
    assert not (context.home.out / "receipt.json").exists()
    import_bundle(context, forge.seal(tmp_path / "2.zip"))
    follow_import(context)
    assert receipt_of(context).generations == (1, 2)
    assert kinds(context).count("receipt") == 1


def test_what_was_kept_of_a_damaged_bundle_is_in_the_next_receipt(context, forge, tmp_path):
    forge.files = {"rules/a": b"a" * 50_000, "rules/b": b"b" * 50_000}
    path = forge.seal(tmp_path / "damaged.zip")
    spoil_pages(path, [path.stat().st_size // 4096 - 6])
    with pytest.raises(IncompleteError):
        import_bundle(context, path)
    follow_import(context)
    assert receipt_of(context).pending_generation == 1


def test_deliveries_that_cannot_be_looked_after_are_told_once_for_as_long_as_they_fail_alike(context, bundle):
    import_bundle(context, bundle)
    with State(context.home.database) as state, state.transaction():
        state._connection.execute("ALTER TABLE delivery_problems RENAME TO away")
    first = follow_import(context)
    (event,) = first.delivery_events
    assert (event.kind, event.details) == ("delivery-failed", {"code": "storage.io"})
    assert event.text.startswith("Deliveries could not be looked after: ")
    assert [failure.is_new for failure in (*first.failures, *follow_import(context).failures)] == [True, False]
    assert context.home.audit_file.read_text().count("Deliveries could not be looked after") == 1
    with State(context.home.database) as state, state.transaction():
        state._connection.execute("ALTER TABLE away RENAME TO delivery_problems")
    assert follow_import(context) == FollowUp()


def test_a_step_that_fails_keeps_nobody_from_the_others_and_is_told_once(context, bundle):
    import_bundle(context, bundle)
    context.home.out.rmdir()
    context.home.out.write_bytes(b"in the way")
    first = follow_import(context)
    assert served(context) == 1
    assert [(failure.event.kind, failure.is_new) for failure in first.failures] == [
        ("out-failed", True),
        ("receipt-failed", True),
    ]
    again = follow_import(context)
    assert [(failure.event.kind, failure.is_new) for failure in again.failures] == [
        ("out-failed", False),
        ("receipt-failed", False),
    ]
    assert context.home.audit_file.read_bytes().count(b"-failed") == 2
    context.home.out.unlink()
    assert follow_import(context).failures == ()
    assert receipt_of(context).newest == 1
    with State(context.home.database) as state:
        assert state.follow_ups.load_failures() == {}


def test_deliveries_that_another_process_looks_after_are_left_to_it(context, bundle):
    import_bundle(context, bundle)
    with exclusive_lock(context.home.path / "deliveries.lock"):
        followed = follow_import(context, wait_seconds=0.0)
    assert followed.failures == ()
    assert receipt_of(context).newest == 1


def test_an_import_under_way_holds_nothing_of_it_up(context, bundle):
    import_bundle(context, bundle)
    with context.home.lock():
        follow_import(context, wait_seconds=0.0)
    assert served(context) == 1


def test_what_was_cancelled_is_done_the_next_time(context, bundle):
    import_bundle(context, bundle)
    context.cancel.cancel()
    with pytest.raises(CancelledError):
        follow_import(context)
    assert served(context) is None
    follow_import(replace(context, cancel=type(context.cancel)()))
    assert served(context) == 1
