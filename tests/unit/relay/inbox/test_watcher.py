"""The watcher on real directories, with an importer that only remembers."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.importing.result import ImportResult
from relay.inbox.attendant import Inbox
from relay.inbox.listing import InboxListing, list_inbox
from relay.inbox.readiness import InboxRules
from relay.inbox.watcher import Watcher
from tests.support.inbox_files import BUNDLE
from tests.support.inbox_watching import DEADLINE, EVENTS_ONLY, QUICK, Relay, watching


def test_a_file_that_lay_there_before_the_start_is_imported_and_removed(inbox: Path) -> None:
    (inbox / "a.zip").write_bytes(BUNDLE)
    relay = Relay()
    with watching(relay, Inbox(inbox, rules=QUICK)):
        assert relay.until("imported").startswith(f"{inbox}/a.zip: Generation 1; the file is removed")
    assert list(inbox.iterdir()) == []
    assert relay.asked.qsize() == 1


def by_copy(source: Path, inbox: Path) -> None:
    shutil.copyfile(source, inbox / "a.zip")


def by_rename(source: Path, inbox: Path) -> None:
    source.rename(inbox / "a.zip")


def by_rename_inside(source: Path, inbox: Path) -> None:
    shutil.copyfile(source, inbox / ".a.zip.X3fj")
    (inbox / ".a.zip.X3fj").rename(inbox / "a.zip")


def by_link(source: Path, inbox: Path) -> None:
    (inbox / "a.zip").hardlink_to(source)
    source.unlink()


def by_directory(source: Path, inbox: Path) -> None:
    directory = source.parent / "july"
    directory.mkdir()
    shutil.copyfile(source, directory / "a.zip")
    directory.rename(inbox / "july")


@pytest.mark.parametrize("arrive", [by_copy, by_rename, by_rename_inside, by_link, by_directory])
def test_events_alone_find_a_file_however_it_arrives(
    tmp_path: Path, inbox: Path, arrive: Callable[[Path, Path], None]
) -> None:
    relay = Relay()
    source = tmp_path / "source"
    source.write_bytes(BUNDLE)
    with watching(relay, Inbox(inbox, rules=EVENTS_ONLY)):
        arrive(source, inbox)
        assert relay.next() == "a.zip"
        relay.until("imported")


def test_events_alone_find_a_file_that_comes_later_into_a_new_directory(inbox: Path) -> None:
    relay = Relay()
    with watching(relay, Inbox(inbox, rules=EVENTS_ONLY)):
        for number in range(5):
            (inbox / f"day-{number}").mkdir()
            (inbox / f"day-{number}" / "a.zip").write_bytes(BUNDLE)
            assert relay.next() == "a.zip"


def test_a_file_that_grows_is_imported_once_and_whole(inbox: Path) -> None:
    relay = Relay()
    with watching(relay, Inbox(inbox, rules=QUICK)), (inbox / "a.zip").open("wb", buffering=0) as file:
        for start in range(0, len(BUNDLE), 500):
            file.write(BUNDLE[start : start + 500])
            assert relay.asked.empty()
        file.close()
        assert relay.asked.get(timeout=DEADLINE) == ("a.zip", BUNDLE)
        relay.until("imported")
    assert relay.asked.empty()


def test_twenty_at_once_in_two_inboxes_are_all_imported_exactly_once(tmp_path: Path, inbox: Path) -> None:
    second = tmp_path / "second"
    relay = Relay()
    with watching(relay, Inbox(inbox, rules=QUICK), Inbox(second, rules=QUICK)):
        assert relay.until("waiting") == f"{second} is not there (yet); it is waited for"
        second.mkdir()
        for number in range(20):
            ((inbox, second)[number % 2] / f"{number:02}.zip").write_bytes(BUNDLE)
        assert sorted(relay.next() for _ in range(20)) == [f"{number:02}.zip" for number in range(20)]
        for _ in range(20):
            relay.until("imported")
    assert relay.asked.empty()
    assert [*inbox.iterdir(), *second.iterdir()] == []


def test_an_inbox_directory_that_is_replaced_is_watched_again(inbox: Path) -> None:
    relay = Relay()
    rules = InboxRules(settle_seconds=0.05, rescan_seconds=0.5)
    with watching(relay, Inbox(inbox, rules=rules)):
        for _ in range(3):
            (inbox / "a.zip").write_bytes(BUNDLE)
            assert relay.next() == "a.zip"
            relay.until("imported")
            inbox.rmdir()
            inbox.mkdir()


class HangingStick:
    """Lists inboxes, but one of them only when it is let go, as a medium does that blocks in the kernel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = threading.Event()
        self.answers = threading.Event()

    def list_directory(self, path: Path) -> InboxListing:
        if path == self.path:
            self.asked.set()
            assert self.answers.wait(DEADLINE)
        return list_inbox(path)


def test_an_inbox_that_hangs_stops_no_other_is_named_and_goes_on_when_it_answers(tmp_path: Path, inbox: Path) -> None:
    stick, relay = HangingStick(tmp_path / "stick"), Relay()
    stick.path.mkdir()
    (stick.path / "late.zip").write_bytes(BUNDLE)
    inboxes = [Inbox(stick.path, rules=QUICK), Inbox(inbox, rules=QUICK)]
    watcher = Watcher(inboxes, relay.importing, relay.report, list_directory=stick.list_directory, silent_seconds=0.2)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        assert stick.asked.wait(DEADLINE)
        assert relay.until("silent") == f"{stick.path} does not answer; the other inboxes go on"
        assert watcher.silent_inboxes == (stick.path,)
        (inbox / "a.zip").write_bytes(BUNDLE)
        assert relay.next() == "a.zip"
        relay.until("imported")
        stick.answers.set()
        assert relay.until("answers") == f"{stick.path} answers again"
        assert relay.next() == "late.zip"
        assert watcher.silent_inboxes == ()
    finally:
        stick.answers.set()
        watcher.stop()
        thread.join(DEADLINE)


def test_an_inbox_that_hangs_is_left_behind_when_the_watcher_stops(inbox: Path) -> None:
    stick, relay = HangingStick(inbox), Relay()
    watcher = Watcher([Inbox(inbox, rules=QUICK)], relay.importing, relay.report, list_directory=stick.list_directory)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        assert stick.asked.wait(DEADLINE)
        watcher.stop()
        thread.join(DEADLINE)
        assert not thread.is_alive()
        assert not watcher.is_importing
    finally:
        stick.answers.set()


def test_imports_of_several_inboxes_never_overlap(tmp_path: Path) -> None:
    under_way, most, lock = [0], [0], threading.Lock()
    relay = Relay()

    def importing(path: Path) -> ImportResult:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        result = relay.importing(path)
        with lock:
            under_way[0] -= 1
        return result

    inboxes = [Inbox(tmp_path / name, rules=QUICK) for name in "abcd"]
    for one in inboxes:
        one.path.mkdir()
        for number in range(3):
            (one.path / f"{number}.zip").write_bytes(BUNDLE)
    watcher = Watcher(inboxes, importing, relay.report)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    for _ in range(12):
        relay.until("imported")
    watcher.stop()
    thread.join(DEADLINE)
    assert (relay.asked.qsize(), most) == (12, [1])


def test_a_bug_in_the_thread_of_one_inbox_ends_the_watcher_and_is_raised(tmp_path: Path, inbox: Path) -> None:
    def list_directory(path: Path) -> InboxListing:
        if path == inbox:
            raise ZeroDivisionError
        return list_inbox(path)

    inboxes = [Inbox(tmp_path / "other", rules=QUICK), Inbox(inbox, rules=QUICK)]
    with pytest.raises(ZeroDivisionError):
        Watcher(inboxes, Relay().importing, Relay().report, list_directory=list_directory).run()


def test_many_watchers_come_and_go_without_leaking_descriptors(inbox: Path) -> None:
    relay = Relay()
    with watching(relay, Inbox(inbox, rules=QUICK)):
        pass
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with watching(relay, Inbox(inbox, rules=QUICK)):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
