"""The watcher: each inbox has a thread of its own, so that one whose medium hangs stops nobody.

A stick that blocks in the kernel, or a network share whose server is gone, keeps its own thread and nothing else:
the other inboxes go on, the next import does not wait for its files, and a stop leaves the thread behind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from relay.inbox.attendant import Attendant, Importing, Inbox, ListInbox, Reporter
from relay.inbox.listing import list_inbox
from relay.inbox.turns import Turns

SILENT_SECONDS = 10.0
"""A medium that has not answered for so long is not waited for, and people are told. A stick that spins up, or a
share that reconnects, takes less."""
_SUPERVISE_SECONDS = 1.0
_STOP_SECONDS = 1.0
"""How long a stop waits for media that have not answered yet. An import under way is waited for as long as it takes."""


class Watcher:
    """Watches inboxes until it is stopped.

    Args:
        inboxes: The directories; one that does not exist yet is waited for.
        importing: Imports one file; never called twice at once.
        report: Told what happens.
        list_directory: Lists one inbox.
        monotonic: A clock that never goes back, in seconds.
        silent_seconds: After how long an inbox is said not to answer.
    """

    def __init__(
        self,
        inboxes: Sequence[Inbox],
        importing: Importing,
        report: Reporter,
        *,
        list_directory: ListInbox = list_inbox,
        monotonic: Callable[[], float] = time.monotonic,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._report = report
        self._monotonic = monotonic
        self._silent_seconds = silent_seconds
        self._turns = Turns()
        self._attendants = [
            Attendant(inbox, self._turns, importing, report, list_inbox=list_directory, monotonic=monotonic)
            for inbox in {inbox.path: inbox for inbox in inboxes}.values()
        ]
        self._turns.connect({attendant.inbox.path: attendant.wake for attendant in self._attendants})
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._silent: tuple[Path, ...] = ()

    @property
    def silent_inboxes(self) -> tuple[Path, ...]:
        """The inboxes that do not answer. For any thread."""
        return self._silent

    @property
    def is_importing(self) -> bool:
        """Tell whether an import is under way. For any thread."""
        with self._turns.ledger() as ledger:
            return ledger.is_importing

    def run(self) -> None:
        """Watch until :meth:`stop` is called, or the thread of an inbox fails: that is a bug, and is raised."""
        threads = [
            threading.Thread(target=self._attend, args=(one,), name=f"inbox {one.inbox.path}", daemon=True)
            for one in self._attendants
        ]
        for thread in threads:
            thread.start()
        while not self._ended.wait(min(_SUPERVISE_SECONDS, self._silent_seconds)):
            self._notice_silence()
        self._leave(threads)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop as soon as the file at hand is done with. For any thread."""
        for attendant in self._attendants:
            attendant.stop()
        self._ended.set()

    def store_changed(self) -> None:
        """Say that somebody else has imported something: files that lacked a base try again. For any thread."""
        with self._turns.ledger() as ledger:
            ledger.retry_blocked()
        self._turns.wake_all()

    def _attend(self, attendant: Attendant) -> None:
        try:
            attendant.run()
        except BaseException as error:  # noqa: BLE001 - run() raises it
            self._failure = error
            self.stop()

    def _notice_silence(self) -> None:
        """Say which inboxes do not answer, and let nobody wait for their files; and when they answer again."""
        now = self._monotonic()
        silent = tuple(
            attendant.inbox.path for attendant in self._attendants if attendant.touches_for(now) >= self._silent_seconds
        )
        before, self._silent = self._silent, silent
        if silent == before:
            return
        with self._turns.ledger() as ledger:
            ledger.leave_out(silent)
        for path in silent:
            if path not in before:
                self._report("silent", f"{path} does not answer; the other inboxes go on", path=str(path))
        for path in before:
            if path not in silent:
                self._report("answers", f"{path} answers again", path=str(path))
        self._turns.wake_all()

    def _leave(self, threads: Sequence[threading.Thread]) -> None:
        """Wait for the threads, but for none that its medium keeps: the process may leave without it."""
        deadline = self._monotonic() + _STOP_SECONDS
        for attendant, thread in zip(self._attendants, threads, strict=True):
            while thread.is_alive():
                thread.join(0.05)
                if attendant.touches_for(self._monotonic()) > 0 and self._monotonic() > deadline:
                    break
