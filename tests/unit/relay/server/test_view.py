from datetime import timedelta

import pytest

from manifests.errors import RollbackError
from relay.server.view import Views
from relay.state import Event, State
from relay.status.text import status_to_text
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/deep/a": b"a1"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


@pytest.fixture
def views(home):
    views = Views(home, make_config(home, mount_at_root="rules"), check_seconds=0)
    yield views
    views.close()


def test_before_the_first_import_nothing_is_served(views):
    view = views.current()
    assert (view.rings, view.metadata, view.tuf_targets, view.mount_at_root) == ({}, {}, {}, "rules")
    assert (view.status.generation, view.status.created, view.status.age_of_served(CREATED)) == (0, None, None)
    assert "none yet" in status_to_text(view.status, CREATED)


def test_a_view_holds_what_was_imported_under_both_names(views, home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    view = views.current()
    digest = "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"
    file = view.rings["default"].files["rules/deep/a"]
    assert (file.sha256, file.length, file.modified_at) == (digest, 2, CREATED + timedelta(hours=1))
    assert view.tuf_targets.keys() == {f"rules/deep/{digest}.a"}
    assert view.metadata == forge.metadata


def test_a_view_stays_the_same_until_something_changes(views, home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    first = views.current()
    assert views.current() is first
    forge.files["rules/b"] = b"b"
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    second = views.current()
    assert first.rings["default"].generation == 1
    assert second.rings["default"].generation == 2
    assert second.rings["default"].files.keys() == {"rules/deep/a", "rules/b"}


def test_the_targets_of_the_generation_before_stay_for_clients_in_the_middle_of_a_walk(views, home, forge, tmp_path):
    for content in (b"1", b"2", b"3"):
        forge.files["rules/deep/a"] = content
        import_bundle(home, forge.seal(tmp_path / "x.zip"), forge.clock())
    assert len(views.current().tuf_targets) == 2


def test_a_refusal_changes_the_status_and_nothing_else(views, home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    before = views.current()
    with pytest.raises(RollbackError):
        import_bundle(home, tmp_path / "1.zip", forge.clock())
    after = views.current()
    assert after.rings is before.rings
    assert before.status.last_refusal is None
    assert after.status.last_refusal is not None
    assert after.status.last_refusal.subject == "tuf.rollback.timestamp"


def test_within_the_interval_a_view_is_taken_for_the_newest(home, forge, tmp_path):
    views = Views(home, make_config(home), check_seconds=3600)
    before = views.current()
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    assert views.current() is before
    views.close()
    assert views.current().status.generation == 1
    views.close()


def test_an_inbox_that_falls_silent_changes_the_view_and_nothing_else(home, forge, tmp_path):
    silent = []
    views = Views(home, make_config(home), check_seconds=0, silent_inboxes=lambda: tuple(silent))
    before = views.current()
    silent.append(tmp_path)
    after = views.current()
    assert (before.silent_inboxes, after.silent_inboxes) == ((), (tmp_path,))
    assert after.status is before.status
    views.close()


def test_what_changes_nothing_that_is_served_leaves_it_as_it_is(views, home, forge, tmp_path):
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    before = views.current()
    with State(home.database) as state, state.transaction():
        state.event_rows.add_event(Event(CREATED, "x", "y"))
    after = views.current()
    assert after is not before
    assert after.rings["default"] is before.rings["default"]
    assert (after.metadata is before.metadata, after.tuf_targets is before.tuf_targets) == (True, True)


def test_a_ring_that_went_to_another_generation_and_back_in_one_second_is_read_again(views, home, forge, tmp_path):
    now = forge.created(5)
    for content in (b"1", b"2"):
        forge.files["rules/deep/a"] = content
        import_bundle(home, forge.seal(tmp_path / "x.zip"), lambda: now)
    before = views.current().rings["default"]
    with State(home.database) as state, state.transaction():
        for generation in (1, 2):
            state.publications.activate_generation("default", generation, now)
    after = views.current().rings["default"]
    assert after.files["rules/deep/a"].sha256 == before.files["rules/deep/a"].sha256
    assert after.files["rules/deep/a"].modified_at == before.files["rules/deep/a"].modified_at + timedelta(seconds=2)
