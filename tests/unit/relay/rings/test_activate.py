from pathlib import Path

import pytest

import relay
from relay.importing.importer import import_bundle
from relay.rings.activate import move_rings
from relay.rings.policy import DEFAULT_RING
from relay.state import State
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


def served(context):
    with State(context.home.database) as state:
        ring = state.publications.find_ring(DEFAULT_RING)
        return ring.generation, [path for path, _, _ in state.publications.list_files(DEFAULT_RING)]


def events_of(context, kind):
    with State(context.home.database) as state:
        return state.event_rows.list_events((kind,))


def test_before_anything_is_held_no_ring_moves(context):
    assert move_rings(context) == ()
    assert served(context) == (None, [])


def test_an_import_moves_no_ring_and_activation_does_with_its_event(context, forge, tmp_path):
    import_bundle(context, forge.seal(tmp_path / "1.zip"))
    assert served(context) == (None, [])
    (event,) = move_rings(context)
    assert served(context) == (1, ["rules/a"])
    assert (event.kind, event.text) == ("activate", "Ring default serves generation 1")
    assert dict(event.details) == {
        "ring": DEFAULT_RING,
        "generation": 1,
        "before": None,
        "published_at": "2026-08-31T13:00:00Z",
    }
    assert events_of(context, "activate") == (event,)


def test_a_ring_that_serves_what_it_should_is_left_alone(context, forge, tmp_path):
    import_bundle(context, forge.seal(tmp_path / "1.zip"))
    move_rings(context)
    before = context.home.database.read_bytes()
    assert move_rings(context) == ()
    assert context.home.database.read_bytes() == before


def test_a_ring_goes_from_what_it_serves_to_the_newest_at_once(context, forge, tmp_path):
    for number in (1, 2, 3):
        import_bundle(context, forge.seal(tmp_path / f"{number}.zip"))
        if number == 1:
            move_rings(context)
    (event,) = move_rings(context)
    assert event.text == "Ring default serves generation 3 instead of 1"
    assert served(context)[0] == 3


def test_nothing_else_moves_a_ring():
    package = Path(relay.__file__).parent
    movers = [path for path in package.rglob("*.py") if ".activate_generation(" in path.read_text("utf-8")]
    assert [str(path.relative_to(package)) for path in movers] == ["rings/activate.py"]
