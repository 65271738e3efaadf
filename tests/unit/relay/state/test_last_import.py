from datetime import timedelta

from relay.state import State
from relay.state.records import LastOutcome
from tests.support.relay_bundles import CREATED


def test_the_last_import_is_the_newest_that_was_saved(home):
    first = LastOutcome(CREATED, "1", "Generation 1")
    second = LastOutcome(CREATED + timedelta(days=1), "2", "Generation 2")
    with State(home.database) as state:
        assert state.last_import.load_last_import() is None
        for outcome in (first, second):
            with state.transaction():
                state.last_import.save_last_import(outcome)
            assert state.last_import.load_last_import() == outcome


def test_an_import_is_the_last_one_with_its_generation(home, forge, bring):
    bring(forge.created(1))
    with State(home.database) as state:
        found = state.last_import.load_last_import()
    assert (found.at, found.subject) == (forge.created(1), "1")
    assert found.text.startswith("Generation 1 of forge")
