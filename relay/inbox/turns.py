"""Whose turn it is: one import at a time over all inboxes, which the threads of the inboxes agree on here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from relay.inbox.readiness import Ledger


class Turns:
    """The ledger of all inboxes, for one thread at a time, and the wake-ups between their threads.

    Nobody touches a medium while it has the ledger, so an inbox that hangs keeps nobody from it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._wake: Mapping[Path, Callable[[], None]] = {}

    def connect(self, wake: Mapping[Path, Callable[[], None]]) -> None:
        """Say how the thread of each inbox is woken."""
        self._wake = dict(wake)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Have the ledger for the block. For any thread; never while a medium is touched."""
        with self._lock:
            yield self._ledger

    def pass_on(self, inbox: Path) -> None:
        """Wake the other inboxes that the next import waits for."""
        with self.ledger() as ledger:
            acting = ledger.inboxes_to_act()
        for path in acting - {inbox}:
            self._wake[path]()

    def wake_all(self) -> None:
        """Wake every inbox: an import has ended, or who takes part has changed."""
        for wake in self._wake.values():
            wake()
