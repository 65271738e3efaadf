"""The watcher on real directories, with an importer that only remembers."""

from __future__ import annotations

import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from manifests.errors import IncompleteError, LockedError, NotAuthenticError, SealiftError, StorageError
from manifests.progress import CancelledError
from relay.importing.refusals import Refusal
from relay.importing.result import ImportResult
from relay.inbox.attendant import Inbox
from relay.inbox.listing import InboxListing, list_inbox
from relay.inbox.readiness import InboxRules
from relay.inbox.watcher import Watcher
from relay.quarantine.registry import RefusedBundle
from tests.support.inbox_files import BUNDLE, zip_bytes

QUICK = InboxRules(settle_seconds=0.1, rescan_seconds=0.2, patience_seconds=600.0, gather_seconds=5.0)
EVENTS_ONLY = InboxRules(settle_seconds=0.05, rescan_seconds=600.0)
"""Nothing but events can be why a file is seen in time."""
DEADLINE = 20.0


@dataclass
class Relay:
    """Imports nothing: answers as told, and tells what it was asked."""

    answers: dict[str, list[SealiftError | Refusal]] = field(default_factory=dict)
    asked: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    reports: queue.Queue[tuple[str, str]] = field(default_factory=queue.Queue)

    def importing(self, path: Path) -> ImportResult | Refusal:
        self.asked.put((path.name, path.read_bytes()))
        if self.answers.get(path.name):
            answer = self.answers[path.name].pop(0)
            if isinstance(answer, Refusal):
                return answer
            raise answer
        return ImportResult("imported", path, "plant", 1, datetime(2026, 1, 1, tzinfo=UTC), 1, 1, "Generation 1")

    def report(self, event: str, text: str, **_: object) -> None:
        self.reports.put((event, text))

    def next(self) -> str:
        return self.asked.get(timeout=DEADLINE)[0]

    def until(self, event: str) -> str:
        while True:
            name, text = self.reports.get(timeout=DEADLINE)
            if name == event:
                return text


def record_of(error: SealiftError, name: str, *, kept: bool) -> RefusedBundle:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return RefusedBundle(name, error.code, error.exit_code, str(error), at, "x.zip", "/inbox", "0" * 64, 1, kept)


@contextmanager
def watching(relay: Relay, *inboxes: Inbox) -> Iterator[Watcher]:
    watcher = Watcher(inboxes, relay.importing, relay.report)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.stop()
        thread.join(DEADLINE)
        assert not thread.is_alive()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    path.mkdir()
    return path


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


def test_a_stalled_copy_is_told_once_and_imported_when_it_goes_on(inbox: Path) -> None:
    relay = Relay()
    with watching(relay, Inbox(inbox, rules=QUICK)), (inbox / "a.zip").open("wb", buffering=0) as file:
        file.write(BUNDLE[:1000])
        text = relay.until("waiting")
        assert text == f"{inbox}/a.zip is not imported yet: another program still has it open for writing"
        file.write(BUNDLE[1000:])
        file.close()
        assert relay.asked.get(timeout=DEADLINE) == ("a.zip", BUNDLE)


def test_a_half_copied_file_that_nobody_writes_any_more_is_handed_over_when_patience_ends(inbox: Path) -> None:
    relay = Relay({"a.zip": [Refusal(NotAuthenticError("zip.no-end", "The end is missing"))]})
    (inbox / "a.zip").write_bytes(BUNDLE[:-1])
    rules = InboxRules(settle_seconds=0.1, rescan_seconds=0.1, patience_seconds=1.0)
    with watching(relay, Inbox(inbox, rules=rules)):
        assert "its end is missing" in relay.until("waiting")
        assert relay.next() == "a.zip"
        assert "[" not in relay.until("refused")


def test_foreign_files_are_never_handed_over_and_never_touched(inbox: Path) -> None:
    relay = Relay()
    (inbox / "photo.jpg").write_bytes(b"\xff\xd8")
    (inbox / "notes.txt").write_bytes(b"PK is how zips begin")
    (inbox / "driver.zip").write_bytes(zip_bytes("setup.exe"))
    before = {path.name: path.read_bytes() for path in inbox.iterdir()}
    with watching(relay, Inbox(inbox, rules=QUICK)):
        assert relay.until("ignored") == f"{inbox}/driver.zip is left alone: it is a zip, but not a bundle"
        (inbox / "z.zip").write_bytes(BUNDLE)
        assert relay.next() == "z.zip"
        relay.until("imported")
    assert relay.asked.empty()
    assert {path.name: path.read_bytes() for path in inbox.iterdir()} == before


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


def test_a_kept_file_is_imported_once(inbox: Path) -> None:
    relay = Relay()
    with watching(relay, Inbox(inbox, "keep", QUICK)):
        (inbox / "a.zip").write_bytes(BUNDLE)
        assert "the file is left where it is" in relay.until("imported")
        (inbox / "b.zip").write_bytes(BUNDLE)
        relay.until("imported")
    assert [relay.next(), relay.next()] == ["a.zip", "b.zip"]
    assert relay.asked.empty()


def test_a_locked_store_and_a_full_disk_leave_the_file_and_it_is_tried_again(inbox: Path) -> None:
    failures = [
        LockedError("lock.held", "Another process works here"),
        StorageError("storage.full", "The disk is full"),
    ]
    relay = Relay({"a.zip": list(failures)})
    with watching(relay, Inbox(inbox, rules=QUICK)):
        (inbox / "a.zip").write_bytes(BUNDLE)
        assert "Another process works here" in relay.until("postponed")
        assert "The disk is full" in relay.until("postponed")
        assert (inbox / "a.zip").read_bytes() == BUNDLE
        relay.until("imported")
    assert relay.asked.qsize() == 3


def test_a_refused_file_is_removed_only_when_its_copy_is_in_quarantine(inbox: Path) -> None:
    error = NotAuthenticError("tuf.signature.root", "A signature is wrong")
    kept = Refusal(error, record_of(error, "0123abcd", kept=True))
    too_large = Refusal(error, record_of(error, "4567abcd", kept=False))
    relay = Relay({"a.zip": [kept], "b.zip": [too_large]})
    with watching(relay, Inbox(inbox, rules=QUICK)):
        (inbox / "a.zip").write_bytes(BUNDLE)
        assert "A copy is in quarantine (0123abcd); the file is removed" in relay.until("refused")
        (inbox / "b.zip").write_bytes(BUNDLE)
        relay.until("refused")
        (inbox / "c.zip").write_bytes(BUNDLE)
        relay.until("imported")
    assert [path.name for path in inbox.iterdir()] == ["b.zip"]
    assert relay.asked.qsize() == 3


def test_a_bundle_that_lacks_its_base_stays_and_is_tried_after_the_next_import(inbox: Path) -> None:
    relay = Relay({"late.zip": [Refusal(IncompleteError("base.missing", "The bundle needs generation 3"))]})
    with watching(relay, Inbox(inbox, rules=QUICK)) as watcher:
        (inbox / "late.zip").write_bytes(BUNDLE)
        relay.until("incomplete")
        (inbox / "base.zip").write_bytes(BUNDLE)
        relay.until("imported")
        relay.until("imported")
        assert [relay.next() for _ in range(3)] == ["late.zip", "base.zip", "late.zip"]
        relay.answers["again.zip"] = [Refusal(IncompleteError("base.missing", "The bundle needs generation 4"))]
        (inbox / "again.zip").write_bytes(BUNDLE)
        relay.until("incomplete")
        watcher.store_changed()
        relay.until("imported")
    assert list(inbox.iterdir()) == []


def test_what_an_inbox_held_that_could_not_be_listed_is_tried_again_at_once(tmp_path: Path, inbox: Path) -> None:
    """As of a stick that was taken out while it was read: it comes back with the device number and the files it had."""
    stick, other = tmp_path / "stick", tmp_path / "other"
    stick.symlink_to(inbox)
    (inbox / "a.zip").write_bytes(BUNDLE)
    relay = Relay({"a.zip": [Refusal(IncompleteError("bundle.damaged", "It is damaged"))]})
    with watching(relay, Inbox(stick, rules=QUICK)):
        relay.until("incomplete")
        other.symlink_to(stick)
        other.replace(stick)
        assert "cannot be listed" in relay.until("waiting")
        other.symlink_to(inbox)
        other.replace(stick)
        relay.until("imported")


def test_a_stop_in_the_middle_of_an_import_leaves_the_file(inbox: Path) -> None:
    started, stopped = threading.Event(), threading.Event()

    def importing(path: Path) -> ImportResult:
        started.set()
        assert stopped.wait(DEADLINE)
        raise CancelledError

    relay = Relay()
    (inbox / "a.zip").write_bytes(BUNDLE)
    watcher = Watcher([Inbox(inbox, rules=QUICK)], importing, relay.report)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    assert started.wait(DEADLINE)
    watcher.stop()
    stopped.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert (inbox / "a.zip").read_bytes() == BUNDLE
    assert relay.until("abandoned") == f"{inbox}/a.zip: import abandoned, nothing has changed"


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
