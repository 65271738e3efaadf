import sqlite3
from datetime import timedelta

import pytest

from relay.rings.policy import DEFAULT_RING
from relay.state import Event, State
from tests.support.relay_bundles import CREATED


def published(state):
    return {path: at for path, _, at in state.publications.list_files(DEFAULT_RING)}


def activate_what_is_not_there(state):
    with state.transaction():
        state.event_rows.add_event(Event(CREATED, "x", "y"))
        state.publications.activate_generation(DEFAULT_RING, 99, CREATED + timedelta(days=9))


def test_a_failed_transaction_changes_nothing(home, forge, bring):
    bring(forge.created(1))
    with State(home.database) as state:
        with pytest.raises(sqlite3.IntegrityError):
            activate_what_is_not_there(state)
        assert [event.kind for event in state.event_rows.list_events()] == ["init", "import", "activate", "receipt"]
        assert set(published(state).values()) == {forge.created(1)}


def test_another_connection_sees_that_something_changed(home):
    with State(home.database) as reader, State(home.database) as writer:
        before = reader.data_version
        assert reader.data_version == before
        with writer.transaction():
            writer.event_rows.add_event(Event(CREATED, "x", "y"))
        assert reader.data_version != before
