"""Watchers of inboxes with an importer that only remembers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from manifests.errors import SealiftError
from relay.importing.refusals import Refusal
from relay.importing.result import ImportResult
from relay.inbox.attendant import Inbox
from relay.inbox.readiness import InboxRules
from relay.inbox.watcher import Watcher
from relay.quarantine.registry import RefusedBundle

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
