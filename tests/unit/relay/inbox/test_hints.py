"""Waiting for hints; :mod:`tests.unit.relay.inbox.test_watcher` has real events of real directories."""

from __future__ import annotations

import threading
from pathlib import Path

from relay.inbox.hints import Hints
from relay.inbox.listing import list_inbox

DEADLINE = 20.0


def test_a_wake_before_the_wait_is_not_lost() -> None:
    with Hints() as hints:
        hints.wake()
        hints.wait_for_hint(DEADLINE * 100)


def test_a_stop_ends_every_wait_for_good() -> None:
    with Hints() as hints:
        waiting = threading.Thread(target=hints.wait_for_hint, args=(DEADLINE * 100,))
        waiting.start()
        hints.stop()
        waiting.join(DEADLINE)
        assert not waiting.is_alive()
        assert hints.stopped


def test_a_watch_is_new_once_and_again_when_the_directory_is_another_one(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with Hints() as hints:
        assert hints.watch_directories(list_inbox(inbox).directories)
        assert not hints.watch_directories(list_inbox(inbox).directories)
        inbox.rename(tmp_path / "earlier")
        inbox.mkdir()
        assert hints.watch_directories(list_inbox(inbox).directories)


def test_a_directory_that_cannot_be_watched_is_named_and_is_no_failure(tmp_path: Path) -> None:
    with Hints() as hints:
        assert not hints.watch_directories([(tmp_path / "none", (1, 2))])
        assert "none cannot be watched by events" in hints.problem


def test_a_wake_after_the_end_does_nothing() -> None:
    hints = Hints()
    with hints:
        pass
    hints.wake()
    assert not hints.stopped
