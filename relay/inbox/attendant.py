"""The attendant of one inbox: it lists, looks, imports and disposes, one file at a time, in a thread of its own.

While it imports, its inbox is not listed and nothing is lost: what came meanwhile is in the next listing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from manifests.errors import IncompleteError, LockedError, SealiftError, StorageError
from manifests.progress import CancelledError
from relay.config import Dispose, InboxConfig
from relay.importing.recovery import find_own_side_file
from relay.importing.refusals import Refusal
from relay.importing.result import ImportResult
from relay.inbox.dispose import Disposal, Fate, dispose_of_file, dispose_of_side_file
from relay.inbox.hints import Hints
from relay.inbox.listing import InboxListing
from relay.inbox.look import look_at_file, read_claimed_version
from relay.inbox.readiness import Candidate, ImportEnding, InboxRules, Phase
from relay.inbox.turns import Turns

Importing = Callable[[Path], ImportResult | Refusal]
"""Imports one file and quarantines what it refuses; raises ``SealiftError`` where this machine is at fault, or
``CancelledError`` when it stops."""

ListInbox = Callable[[Path], InboxListing]


class Reporter(Protocol):
    """Told what happens, for people and logs; from any thread."""

    def __call__(self, event: str, text: str, **fields: str | int | None) -> None:
        """Take one event: a stable word, a sentence, and what a machine may want."""


@dataclass(frozen=True)
class Inbox:
    """One watched directory."""

    path: Path
    dispose: Dispose = "delete"
    rules: InboxRules = field(default_factory=InboxRules)


def inbox_from_config(config: InboxConfig) -> Inbox:
    """Return what a ``[[inbox]]`` table asks for."""
    rules = InboxRules(settle_seconds=config.settle_seconds, rescan_seconds=config.rescan_seconds)
    return Inbox(config.path, config.dispose, rules)


class Attendant:
    """Attends one inbox until it is stopped.

    Args:
        inbox: The directory; one that does not exist yet is waited for.
        turns: Shared with the attendants of the other inboxes.
        importing: Imports one file.
        report: Told what happens.
        list_inbox: Lists a directory; may hang as long as that does.
        monotonic: A clock that never goes back, in seconds.
    """

    def __init__(
        self,
        inbox: Inbox,
        turns: Turns,
        importing: Importing,
        report: Reporter,
        *,
        list_inbox: ListInbox,
        monotonic: Callable[[], float],
    ) -> None:
        self.inbox = inbox
        self._turns = turns
        self._importing = importing
        self._report = report
        self._list_inbox = list_inbox
        self._monotonic = monotonic
        self._hints = Hints()
        self._touching_since: float | None = None
        self._told: dict[str, str] = {}
        self._unlisted = False
        """Whether the inbox could not be listed when it was tried last."""
        self._alone: dict[Path, float] = {}
        """Bundles that were done with before any recovery data came, and until when that may still come."""

    def run(self) -> None:
        """Attend the inbox until :meth:`stop` is called."""
        with self._hints:
            while not self._hints.stopped:
                self._hints.wait_for_hint(0.0 if self._take_turn() else self._seconds_to_wait())

    def stop(self) -> None:
        """Stop as soon as the file at hand is done with. For any thread."""
        self._hints.stop()

    def wake(self) -> None:
        """Look at the inbox now. For any thread."""
        self._hints.wake()

    def touches_for(self, now: float) -> float:
        """Return for how many seconds its medium has not answered: 0 while it does. For any thread."""
        since = self._touching_since
        return 0.0 if since is None else now - since

    @contextmanager
    def _touching(self) -> Iterator[None]:
        """Mark a block that asks the medium for something, and comes back only when that answers."""
        self._touching_since = self._monotonic()
        try:
            yield
        finally:
            self._touching_since = None

    def _take_turn(self) -> bool:
        """List the inbox, look at what settled, import a file if it is its turn; tell whether to list again at once."""
        again = self._watch(self._list())
        self._look()
        self._put_away_late_side_files()
        with self._turns.ledger() as ledger:
            ledger.retry_due(self._monotonic())
            unordered = ledger.files_to_order(self.inbox.path)
        self._read_claimed_versions(unordered)
        self._tell_waiting()
        if self._hints.stopped:
            return again
        with self._turns.ledger() as ledger:
            chosen = ledger.begin_import(self._monotonic(), self.inbox.path)
        if chosen is None:
            self._turns.pass_on(self.inbox.path)
            return again
        self._import(chosen)
        return True

    def _seconds_to_wait(self) -> float:
        """Return how long to wait for a hint, in seconds."""
        now = self._monotonic()
        with self._turns.ledger() as ledger:
            due = ledger.next_due(now, self.inbox.path)
        rescan = self.inbox.rules.rescan_seconds
        return rescan if due is None else min(rescan, due - now)

    def _list(self) -> InboxListing:
        path = self.inbox.path
        try:
            with self._touching():
                listing = self._list_inbox(path)
        except OSError as error:
            self._tell("list", f"{path} cannot be listed ({error.strerror}); it is tried again")
            self._unlisted = True
            return InboxListing()
        with self._turns.ledger() as ledger:
            if self._unlisted:  # a stick that is back: what could not be read of it can be now
                self._unlisted = False
                ledger.retry_blocked(path)
            ledger.take_listing(self._monotonic(), path, self.inbox.rules, listing.seen_files)
        problem = "has too many files; some are not looked at" if listing.truncated else ""
        missing = "is not there (yet); it is waited for" if not listing.directories else ""
        self._tell("list", f"{path} {problem or missing}" if problem or missing else "")
        return listing

    def _watch(self, listing: InboxListing) -> bool:
        """Watch for events what was listed; tell whether a watch is new, so that it must be listed once more."""
        with self._touching():
            again = self._hints.watch_directories(listing.directories)
        self._tell("events", self._hints.problem)
        return again

    def _look(self) -> None:
        with self._turns.ledger() as ledger:
            settled = ledger.files_to_look_at(self._monotonic(), self.inbox.path)
        for candidate in settled:
            with self._touching():
                look = look_at_file(candidate.path, candidate.stamp, named_as_bundle=candidate.named_as_bundle)
            with self._turns.ledger() as ledger:
                ledger.take_look(self._monotonic(), candidate, look)

    def _read_claimed_versions(self, candidates: tuple[Candidate, ...]) -> None:
        for candidate in candidates:
            with self._touching():
                version = read_claimed_version(candidate.path, candidate.stamp)
            with self._turns.ledger() as ledger:
                ledger.take_claimed_version(candidate, version)

    def _import(self, candidate: Candidate) -> None:
        name = str(candidate.path)
        self._report("importing", f"{name}: importing", path=name)
        try:
            ended = self._importing(candidate.path)
        except CancelledError:
            with self._turns.ledger() as ledger:
                ledger.abandon_import()
            self._report("abandoned", f"{name}: import abandoned, nothing has changed", path=name)
            return
        except SealiftError as error:
            self._take_failure(candidate, error)
            return
        if isinstance(ended, Refusal):
            self._take_refusal(candidate, ended)
        else:
            self._take_result(candidate, ended)

    def _take_result(self, candidate: Candidate, result: ImportResult) -> None:
        name = str(candidate.path)
        # The next import begins before this file is put away: its medium may hang, and nobody shall wait for that.
        self._end_turn(candidate, ImportEnding.IMPORTED, result.text)
        disposal = self._dispose(candidate)
        self._report(
            result.outcome,
            f"{name}: {result.text}; {disposal.text}",
            path=name,
            generation=result.generation,
            file=disposal.fate,
        )

    def _end_turn(self, candidate: Candidate, ending: ImportEnding, reason: str) -> None:
        with self._turns.ledger() as ledger:
            ledger.take_ending(self._monotonic(), candidate, ending, reason)
        self._turns.wake_all()

    def _take_refusal(self, candidate: Candidate, refusal: Refusal) -> None:
        error = refusal.error
        incomplete = isinstance(error, IncompleteError)  # it may yet be imported
        self._end_turn(candidate, ImportEnding.INCOMPLETE if incomplete else ImportEnding.REFUSED, str(error))
        text, fate = f"{candidate.path}: {error}", None
        if refusal.quarantined_as is not None:
            disposal = self._dispose(candidate)
            text += f" A copy is in quarantine ({refusal.quarantined_as}); {disposal.text}."
            fate = disposal.fate
        self._report_error("incomplete" if incomplete else "refused", text, candidate, error, fate)

    def _take_failure(self, candidate: Candidate, error: SealiftError) -> None:
        """Leave a file that could not be imported for a reason that lies with this machine; it is tried again."""
        locked = isinstance(error, LockedError)
        self._end_turn(candidate, ImportEnding.LOCKED if locked else ImportEnding.FAILED, str(error))
        event = "postponed" if locked or isinstance(error, StorageError) else "failed"
        self._report_error(event, f"{candidate.path}: {error}", candidate, error, None)

    def _report_error(
        self, event: str, text: str, candidate: Candidate, error: SealiftError, fate: Fate | None
    ) -> None:
        path = str(candidate.path)
        self._report(event, text, path=path, code=error.code, exit_code=error.exit_code, file=fate)

    def _dispose(self, candidate: Candidate) -> Disposal:
        """Do with a bundle what its inbox asks for, and with its recovery data too, now or when that comes."""
        inbox = self.inbox
        with self._touching():
            side_file = find_own_side_file(candidate.path)
            disposal = dispose_of_file(inbox.path, candidate.path, candidate.stamp, inbox.dispose)
            if disposal.fate in {Fate.DELETED, Fate.ARCHIVED}:
                if side_file is None:
                    self._alone[candidate.path] = self._monotonic() + inbox.rules.patience_seconds
                else:
                    dispose_of_side_file(inbox.path, side_file, inbox.dispose)
        return disposal

    def _put_away_late_side_files(self) -> None:
        """Put away recovery data of bundles that were done with a short while before it came."""
        now = self._monotonic()
        self._alone = {path: until for path, until in self._alone.items() if until > now}
        if not self._alone:
            return
        for candidate in self._files():
            if candidate.phase is Phase.FOREIGN and any(candidate.is_side_file_of(path) for path in self._alone):
                with self._touching():
                    dispose_of_side_file(self.inbox.path, candidate.path, self.inbox.dispose)

    def _files(self) -> tuple[Candidate, ...]:
        with self._turns.ledger() as ledger:
            return ledger.files_of(self.inbox.path)

    def _tell_waiting(self) -> None:
        """Say why files rest: once per file and reason, however often a copy goes on and stalls again."""
        present = {str(candidate.path): candidate for candidate in self._files()}
        for key in [key for key in self._told if key.startswith("/") and key not in present]:
            del self._told[key]
        for name, candidate in present.items():
            if candidate.phase is Phase.WAITING:
                self._tell(name, f"{name} is not imported yet: {candidate.reason}")
            elif candidate.phase is Phase.FOREIGN and candidate.named_as_bundle:
                self._tell(name, f"{name} is left alone: {candidate.reason}", event="ignored")

    def _tell(self, key: str, text: str, *, event: str = "waiting") -> None:
        """Report a lasting condition once, and again only when it changes."""
        if self._told.get(key, "") != text:
            self._told[key] = text
            if text:
                self._report(event, text)
