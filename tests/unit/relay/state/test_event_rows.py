from relay.state import Event, State
from tests.support.relay_bundles import CREATED


def test_events_keep_their_order_and_details(home):
    with State(home.database) as state:
        with state.transaction():
            for number in range(3):
                state.event_rows.add_event(Event(CREATED, "kind", str(number), {"number": number}))
        assert [event.details for event in state.event_rows.list_events(["kind"], limit=2)] == [
            {"number": 1},
            {"number": 2},
        ]
