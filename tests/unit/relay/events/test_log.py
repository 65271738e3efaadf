import os
import resource
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from manifests.errors import StorageError
from relay.events.log import log_event, read_events
from relay.state import Event, State
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import make_home


def test_both_logs_are_read_as_one_in_the_order_of_time(tmp_path):
    home = make_home(tmp_path / "relay", BundleForge().root)
    log_event(home, Event(CREATED, "refused", "no", {"code": "zip.gap"}))
    log_event(home, Event(CREATED, "refused", "ばんどる\nline", {"code": "zip.end"}))
    with State(home.database) as state:
        assert [event.kind for event in read_events(home, state)] == ["init", "refused", "refused"]
        (last,) = read_events(home, state, limit=1)
        assert (last.text, last.details) == ("ばんどる\nline", {"code": "zip.end"})
        assert read_events(home, state, kinds=("absent",)) == ()


def test_a_line_that_a_power_cut_tore_hides_no_other(tmp_path):
    home = make_home(tmp_path / "relay", BundleForge().root)
    log_event(home, Event(CREATED, "a", "first"))
    with home.audit_file.open("ab") as file:
        file.write(b'{"at": "2026-')
    log_event(home, Event(CREATED, "b", "second"))
    with State(home.database) as state:
        assert [event.kind for event in read_events(home, state)] == ["init", "a", "b"]


def fill(home, count, file_bytes=100, kind="a"):
    """Record so many events, a second apart, two to a file."""
    for number in range(count):
        log_event(home, Event(CREATED + timedelta(seconds=number), kind, str(number)), file_bytes=file_bytes)


def logged(home, **options):
    with State(home.database) as state:
        return [event.text for event in read_events(home, state, **options) if event.kind != "init"]


def files_of(home):
    return sorted(path.name for path in home.path.glob("audit*"))


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "relay", BundleForge().root)


def test_a_large_log_is_put_aside_under_numbers_that_go_on_and_loses_no_line(home):
    fill(home, 30)
    assert files_of(home) == [*(f"audit.{number:06}.jsonl" for number in range(1, 15)), "audit.jsonl"]
    assert logged(home) == [str(number) for number in range(30)]
    assert logged(home, limit=5) == [str(number) for number in range(25, 30)]
    assert sum(path.read_bytes().count(b"\n") for path in home.path.glob("audit*")) == 30


def test_the_numbers_go_on_from_the_newest_file_when_older_ones_were_moved_away(home):
    fill(home, 12)
    newest = files_of(home)[-2]
    for path in home.path.glob("audit.0*"):
        if path.name != newest:
            path.unlink()
    before = (home.path / newest).read_bytes()
    fill(home, 12)
    assert files_of(home)[:2] == [newest, f"audit.{int(newest[6:12]) + 1:06}.jsonl"]
    assert (home.path / newest).read_bytes() == before


def test_events_of_one_kind_are_found_in_every_file(home):
    fill(home, 3, kind="refused")
    fill(home, 20)
    assert logged(home, kinds=("refused",), limit=2) == ["1", "2"]
    assert logged(home, kinds=("refused",)) == ["0", "1", "2"]


def test_writers_at_the_same_time_lose_nothing_and_write_nothing_twice(home):
    def write(writer):
        for number in range(10):
            log_event(home, Event(CREATED, "a", f"{writer}.{number}"), file_bytes=200)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert sorted(logged(home)) == sorted(f"{writer}.{number}" for writer in range(4) for number in range(10))


def test_a_log_that_was_put_aside_before_a_power_cut_is_gone_on_with(home):
    fill(home, 3, file_bytes=10_000)
    home.audit_file.rename(home.path / "audit.000001.jsonl")
    assert logged(home) == ["0", "1", "2"]
    assert logged(home, kinds=("a",), limit=1) == ["2"]
    assert not home.audit_file.exists()
    log_event(home, Event(CREATED + timedelta(days=1), "a", "3"))
    assert logged(home) == ["0", "1", "2", "3"]


def test_a_new_file_has_the_mode_of_the_one_before(home):
    fill(home, 1)
    home.audit_file.chmod(0o600)
    log_event(home, Event(CREATED, "a", "next"), file_bytes=1)
    assert len(files_of(home)) == 2
    assert stat.S_IMODE(home.audit_file.stat().st_mode) == 0o600


@pytest.mark.needs("root")
def test_a_new_file_that_root_begins_is_still_the_services(home):
    fill(home, 1)
    os.chown(home.audit_file, 65534, 65533)
    log_event(home, Event(CREATED, "a", "next"), file_bytes=1)
    assert len(files_of(home)) == 2
    assert (home.audit_file.stat().st_uid, home.audit_file.stat().st_gid) == (65534, 65533)


@contextmanager
def largest_file(length):
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_line_for_which_there_is_no_room_is_an_error_and_hides_no_other(home):
    fill(home, 2)
    length = home.audit_file.stat().st_size
    with largest_file(length + 10), pytest.raises(StorageError) as caught:
        log_event(home, Event(CREATED, "a", "no room"))
    assert caught.value.code == "storage.file-too-large"
    assert home.audit_file.stat().st_size == length + 10
    log_event(home, Event(CREATED + timedelta(days=1), "a", "2"))
    assert logged(home) == ["0", "1", "2"]
