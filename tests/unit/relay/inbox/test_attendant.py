"""What the attendant of an inbox does with a file, by how its import ended."""

from __future__ import annotations

import threading
from pathlib import Path

from manifests.errors import IncompleteError, LockedError, NotAuthenticError, StorageError
from manifests.progress import CancelledError
from relay.config import InboxConfig
from relay.importing.refusals import Refusal
from relay.importing.result import ImportResult
from relay.inbox.attendant import Attendant, Inbox, inbox_from_config
from relay.inbox.listing import InboxListing, list_inbox
from relay.inbox.readiness import InboxRules
from relay.inbox.turns import Turns
from relay.inbox.watcher import Watcher
from tests.support.inbox_files import BUNDLE, zip_bytes
from tests.support.inbox_watching import DEADLINE, QUICK, Relay, record_of, watching


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


def test_an_inbox_is_what_its_table_asks_for(tmp_path: Path) -> None:
    config = InboxConfig(tmp_path, dispose="archive", settle_seconds=7.0, rescan_seconds=90.0)
    inbox = inbox_from_config(config)
    assert (inbox.path, inbox.dispose) == (tmp_path, "archive")
    assert (inbox.rules.settle_seconds, inbox.rules.rescan_seconds) == (7.0, 90.0)
    assert inbox.rules.patience_seconds == InboxRules().patience_seconds


def test_a_medium_is_silent_for_as_long_as_its_listing_takes(inbox: Path) -> None:
    now, silent = [100.0], []

    def list_slowly(path: Path) -> InboxListing:
        silent.append(attendant.touches_for(now[0]))
        now[0] += 30
        silent.append(attendant.touches_for(now[0]))
        attendant.stop()
        return list_inbox(path)

    relay = Relay()
    attendant = Attendant(
        Inbox(inbox), Turns(), relay.importing, relay.report, list_inbox=list_slowly, monotonic=lambda: now[0]
    )
    assert attendant.touches_for(now[0]) == 0
    attendant.run()
    assert (silent, attendant.touches_for(now[0])) == ([0.0, 30.0], 0.0)


def test_an_inbox_that_is_not_there_is_told_once_however_often_it_is_listed(tmp_path: Path) -> None:
    lists = []

    def list_twice(path: Path) -> InboxListing:
        lists.append(path)
        (attendant.stop if len(lists) == 3 else attendant.wake)()
        return list_inbox(path)

    relay = Relay()
    attendant = Attendant(
        Inbox(tmp_path / "later"), Turns(), relay.importing, relay.report, list_inbox=list_twice, monotonic=lambda: 0.0
    )
    attendant.run()
    assert list(relay.reports.queue) == [
        ("waiting", f"{tmp_path / 'later'} is not there (yet); it is waited for"),
    ]
