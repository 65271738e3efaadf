from datetime import timedelta

from relay.state import State
from tests.support.relay_bundles import CREATED


def test_a_step_that_failed_is_known_by_its_last_error_until_it_is_done(home):
    with State(home.database) as state, state.transaction():
        assert state.follow_ups.load_failures() == {}
        state.follow_ups.save_failure("out", "storage.full", CREATED)
        state.follow_ups.save_failure("receipt", "storage.full", CREATED)
        state.follow_ups.save_failure("out", "storage.io", CREATED + timedelta(days=1))
        assert state.follow_ups.load_failures() == {"out": "storage.io", "receipt": "storage.full"}
        state.follow_ups.drop_failure("out")
        assert state.follow_ups.load_failures() == {"receipt": "storage.full"}
