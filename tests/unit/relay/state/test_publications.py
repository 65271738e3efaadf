from datetime import timedelta

from relay.rings.policy import DEFAULT_RING
from relay.state import State


def published(state):
    return {path: at for path, _, at in state.publications.list_files(DEFAULT_RING)}


def test_a_path_is_published_when_its_content_changes_and_else_keeps_its_time(home, forge, bring):
    first, second = forge.created(1) + timedelta(hours=1), forge.created(2) + timedelta(hours=1)
    bring(first)
    forge.files["rules/b"] = b"b2"
    bring(second)
    with State(home.database) as state:
        assert published(state) == {"rules/a": first, "rules/b": second}


def test_content_that_comes_back_is_published_anew(home, forge, bring):
    now = forge.created(4)
    bring(now)
    a = forge.files.pop("rules/a")
    bring(now)
    forge.files["rules/a"] = a
    bring(now)
    with State(home.database) as state:
        assert published(state) == {"rules/a": now + timedelta(seconds=2), "rules/b": now}


def test_publication_times_grow_although_the_clock_goes_back(home, forge, bring):
    now = forge.created(9)
    bring(now)
    forge.files["rules/a"] = b"a2"
    bring(now - timedelta(days=400))
    with State(home.database) as state:
        assert published(state) == {"rules/a": now + timedelta(seconds=1), "rules/b": now}


def test_going_back_to_an_earlier_generation_publishes_its_content_anew(home, forge, bring):
    now = forge.created(2)
    bring(now)
    forge.files["rules/a"] = b"a2"
    bring(now)
    with State(home.database) as state:
        with state.transaction():
            state.publications.activate_generation(DEFAULT_RING, 1, now)
        assert published(state) == {"rules/a": now + timedelta(seconds=2), "rules/b": now}
        assert [ring.generation for ring in state.publications.list_rings()] == [1]
        assert {path: blob.length for path, blob, _ in state.publications.list_files(DEFAULT_RING)} == {
            "rules/a": 2,
            "rules/b": 2,
        }


def test_a_fraction_of_a_second_is_never_published(home, forge, bring):
    now = forge.created(1).replace(microsecond=999_999)
    bring(now)
    with State(home.database) as state:
        assert set(published(state).values()) == {now.replace(microsecond=0)}
