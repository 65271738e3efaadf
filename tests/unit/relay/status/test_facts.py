"""What the facts of a status mean at an instant."""

from datetime import timedelta

from relay.status.text import status_to_text
from tests.support.relay_bundles import CREATED


def test_stale_is_raised_by_expiry_and_by_age(status):
    assert not status.is_stale(CREATED + timedelta(days=30))
    assert status.stale_reasons(CREATED + timedelta(days=31)) == ("the generation is 31 days old, more than 30 days",)
    late = status.stale_reasons(CREATED + timedelta(days=365))
    assert late[0] == "timestamp expired on 2027-09-01T12:00:00Z"
    assert status.trust_ends_at == CREATED + timedelta(days=365)


def test_a_clock_that_cannot_be_right_is_named(status):
    assert status.clock_state(CREATED) == "ok"
    assert status.clock_state(CREATED - timedelta(seconds=1)) == "behind"
    assert status.clock_state(CREATED + timedelta(days=1200)) == "ahead"
    assert "CLOCK_BEHIND" in status_to_text(status, CREATED - timedelta(days=400))
    assert status.age_of_served(CREATED - timedelta(days=400)) == timedelta(0)
