from datetime import timedelta

import pytest

from relay.config import load_config
from relay.events.log import log_event
from relay.server.view import Views
from relay.state import Event
from relay.state.last_refusal import (
    load_last_refusal,
    save_last_refusal,
    stamp_last_refusal,
    take_over_last_refusal,
)
from relay.state.records import LastOutcome
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import make_home


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "relay", BundleForge().root)


def fill(home, count, kind="a"):
    """Record so many events in the audit log, two to a file."""
    for number in range(count):
        at = CREATED + timedelta(seconds=number)
        log_event(home, Event(at, kind, str(number), {"code": "zip.gap"}), file_bytes=100)


def test_the_last_refusal_of_an_older_state_is_found_when_its_file_was_put_aside(home):
    fill(home, 2, kind="refused")
    fill(home, 9)
    assert len(list(home.path.glob("audit*"))) > 3
    take_over_last_refusal(home.path)
    assert load_last_refusal(home.last_refusal_file) == LastOutcome(CREATED + timedelta(seconds=1), "zip.gap", "1")


def test_a_refusal_that_is_known_is_not_taken_from_the_log_again(home):
    fill(home, 1, kind="refused")
    known = LastOutcome(CREATED, "tuf.expired", "ばんどる")
    save_last_refusal(home.last_refusal_file, known)
    take_over_last_refusal(home.path)
    assert load_last_refusal(home.last_refusal_file) == known


def test_what_is_served_says_a_refusal_whose_file_has_the_same_length(home):
    save_last_refusal(home.last_refusal_file, LastOutcome(CREATED, "zip.gap", "0"))
    views = Views(home, load_config(home.path), check_seconds=0)
    assert views.current().status.last_refusal.text == "0"
    length = home.last_refusal_file.stat().st_size
    save_last_refusal(home.last_refusal_file, LastOutcome(CREATED, "zip.gap", "1"))
    assert home.last_refusal_file.stat().st_size == length
    assert views.current().status.last_refusal.text == "1"
    views.close()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": "yesterday", "subject": "", "text": ""}', b"\xff"])
def test_a_file_that_is_not_what_was_written_tells_of_no_refusal(home, content):
    home.last_refusal_file.write_bytes(content)
    assert load_last_refusal(home.last_refusal_file) is None


def test_the_stamp_differs_with_each_refusal(home):
    stamps = {stamp_last_refusal(home.last_refusal_file)}
    for _ in range(3):
        save_last_refusal(home.last_refusal_file, LastOutcome(CREATED, "zip.gap", "0"))
        stamps.add(stamp_last_refusal(home.last_refusal_file))
    assert len(stamps) == 4
