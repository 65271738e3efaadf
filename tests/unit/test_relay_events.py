from relay import events
from relay.state import Event, State
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import make_home


def test_both_logs_are_read_as_one_in_the_order_of_time(tmp_path):
    home = make_home(tmp_path / "relay", BundleForge().root)
    events.record(home, Event(CREATED, "refused", "no", {"code": "zip.gap"}))
    events.record(home, Event(CREATED, "refused", "ばんどる\nline", {"code": "zip.end"}))
    with State(home.database) as state:
        assert [event.kind for event in events.read(home, state)] == ["init", "refused", "refused"]
        assert [event.text for event in events.read(home, state, limit=1)] == ["ばんどる\nline"]
    last = events.last_logged(home, "refused")
    assert last is not None
    assert last.details == {"code": "zip.end"}
    assert events.last_logged(home, "absent") is None


def test_a_line_that_a_power_cut_tore_hides_no_other(tmp_path):
    home = make_home(tmp_path / "relay", BundleForge().root)
    events.record(home, Event(CREATED, "a", "first"))
    with home.audit_file.open("ab") as file:
        file.write(b'{"at": "2026-')
    events.record(home, Event(CREATED, "b", "second"))
    with State(home.database) as state:
        assert [event.kind for event in events.read(home, state)] == ["init", "a", "b"]
