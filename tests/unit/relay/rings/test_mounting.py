"""Which source stands at the root, and for how long each counts as fresh: the publisher says, the site decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from relay.rings.mounting import choose_mounted_source, list_mount_conflicts
from relay.server.app import Application
from relay.server.pages.status import answer_status
from relay.server.routes import resolve_path
from relay.server.view import Views, build_view
from relay.state import State
from relay.status.text import status_to_text
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home
from tests.support.requests_by_hand import get


@dataclass(frozen=True)
class Asks:
    name: str
    mount: str | None = None


NOBODY = (Asks("clamav"), Asks("rules"))
ONE = (Asks("clamav"), Asks("patterns", "/"))
TWO = (Asks("patterns", "/"), Asks("au", "/"), Asks("clamav"))


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {
        "au/server.ini": b"au",
        "au/-/status": b"shadow",
        "patterns/server.ini": b"patterns",
        "rules/a": b"a",
    }
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


@pytest.fixture
def view(tmp_path, home, forge):
    """A function that imports what the forge holds and returns the view of it."""

    def imported(**values):
        import_bundle(home, forge.seal(tmp_path / "x.zip"), forge.clock())
        with State(home.database) as state:
            return build_view(home, make_config(home, **values), state)

    return imported


@pytest.mark.parametrize(
    ("configured", "sources", "expected"),
    [
        (True, NOBODY, None),
        (True, ONE, "patterns"),
        (True, TWO, "au"),
        (False, ONE, None),
        ("clamav", TWO, "clamav"),
        ("gone", NOBODY, "gone"),
    ],
)
def test_the_site_decides_and_otherwise_the_first_by_name_that_asks(configured, sources, expected):
    assert choose_mounted_source(configured, sources) == expected


@pytest.mark.parametrize(("configured", "sources"), [(True, ONE), (False, TWO), ("au", TWO)])
def test_there_is_no_conflict_where_one_asks_or_the_site_decided(configured, sources):
    assert list_mount_conflicts(configured, sources, CREATED) == ()


def test_a_source_that_asks_for_the_root_is_served_there_too(view, forge):
    forge.said["au"] = {"mount": "/"}
    found = view()
    assert found.mount_at_root == "au"
    assert resolve_path(found, "/server.ini") == resolve_path(found, "/au/server.ini")
    assert resolve_path(found, "/server.ini").name == "au/server.ini"
    assert resolve_path(found, "/-/rings/default/server.ini").name == "au/server.ini"
    assert (resolve_path(found, "/-/status"), resolve_path(found, "/-/")) == (answer_status, answer_status)
    assert (resolve_path(found, "/"), resolve_path(found, "/pattern/x.zip"), resolve_path(found, "/a")) == (
        "absent",
    ) * 3


def test_what_is_not_at_the_root_is_a_real_404(tmp_path, home, forge):
    forge.said["au"] = {"mount": "/"}
    import_bundle(home, forge.seal(tmp_path / "x.zip"), forge.clock())
    views = Views(home, make_config(home), check_seconds=0)
    application = Application(views, home.store, lambda: CREATED, print)
    statuses = {
        path: application.respond(get(path)).status for path in ("/server.ini", "/ini_xml.zip", "/", "/-/status")
    }
    views.close()
    assert statuses == {"/server.ini": 200, "/ini_xml.zip": 404, "/": 404, "/-/status": 200}


@pytest.mark.parametrize(("configured", "expected"), [(False, "absent"), ("patterns", "patterns/server.ini")])
def test_the_site_can_switch_the_root_off_or_give_it_to_another(view, forge, configured, expected):
    forge.said["au"] = {"mount": "/"}
    found = view(mount_at_root=configured)
    resource = resolve_path(found, "/server.ini")
    assert (resource if isinstance(resource, str) else resource.name) == expected
    assert resolve_path(found, "/") == (answer_status if configured is False else "absent")


def test_of_two_sources_that_ask_the_first_is_served_and_an_event_says_so(view, home, forge):
    forge.said = {"patterns": {"mount": "/"}, "au": {"mount": "/"}}
    assert view().mount_at_root == "au"
    with State(home.database) as state:
        (event,) = state.event_rows.list_events(kinds=("mount-conflict",))
    assert event.details == {"mounted": "au", "sources": "au,patterns"}
    assert event.text == (
        "2 sources ask for the root, au, patterns: au is served there. "
        'To decide otherwise write mount_at_root = "NAME" into [serve] of relay.toml'
    )


def test_a_source_is_stale_by_the_days_that_its_publisher_gives_it(view, forge):
    forge.said = {"au": {"fresh_days": 2, "version": "17.361.00"}, "patterns": {"fresh_days": 90}}
    status = view().status
    assert not status.is_stale(CREATED + timedelta(days=2))
    assert status.stale_reasons(CREATED + timedelta(days=3)) == ("the source au is 3 days old, more than 2 days",)
    assert status.stale_reasons(CREATED + timedelta(days=40)) == (
        "the generation is 40 days old, more than 30 days",
        "the source au is 40 days old, more than 2 days",
    )
    assert "  au            pulled 3 days ago, version 17.361.00, STALE" in status_to_text(
        status, CREATED + timedelta(days=3)
    )


def test_where_every_source_has_its_own_limit_the_sites_does_not_count(view, forge):
    forge.said = {name: {"fresh_days": 90} for name in ("au", "patterns", "rules")}
    status = view(stale_after_days=1).status
    assert not status.is_stale(CREATED + timedelta(days=90))
    assert len(status.stale_reasons(CREATED + timedelta(days=91))) == 3


def test_content_that_was_carried_because_a_pull_failed_is_as_old_as_its_pull(view, forge):
    forge.said["rules"] = {"pulled_at": CREATED - timedelta(days=31), "failure": "timed out"}
    status = view().status
    assert status.stale_reasons(CREATED) == ("the source rules is 31 days old, more than 30 days",)
    assert "  rules         pulled 31 days ago, a newer pull failed, STALE" in status_to_text(status, CREATED)


def test_what_is_said_of_sources_goes_with_its_generation(tmp_path, home, forge):
    forge.said["au"] = {"licence": "for customers", "deliver": "ds_agent", "mount": "/", "version": "1"}
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.said.clear()
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    with State(home.database) as state:
        first, second = state.generations.list_sources(1)[0], state.generations.list_sources(2)[0]
        with state.transaction():
            state.generations.drop_generation(1)
        assert state.generations.list_sources(1) == ()
    assert (first.licence, first.deliver, first.mount, first.version) == ("for customers", "ds_agent", "/", "1")
    assert (second.licence, second.deliver, second.mount, second.version) == (None,) * 4
