"""The watcher: lists, looks, imports and disposes, one file at a time, in one thread.

While an import runs nothing is listed and nothing is lost: what came meanwhile is in the next listing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from manifests.errors import IncompleteError, LockedError, SealiftError, StorageError
from relay.config import Dispose, InboxConfig
from relay.importing.importer import ImportResult
from relay.importing.recovery import own_side_file
from relay.inbox.dispose import Disposal, Fate, dispose_of_file, dispose_of_side_file
from relay.inbox.hints import Hints
from relay.inbox.listing import InboxListing, list_inbox
from relay.inbox.look import look_at_file, read_claimed_version
from relay.inbox.readiness import Candidate, ImportEnding, InboxRules, Ledger, Phase

Importing = Callable[[Path], ImportResult]
"""Imports one file and quarantines what it refuses; raises ``SealiftError`` or :class:`AbandonedError`."""

REFUSED_CODES = frozenset({20, 21, 22, 23, 30})
"""Exit codes of errors that will not go away by trying again."""


class AbandonedError(Exception):
    """An import was given up because the service stops; nothing has changed."""


class Report(Protocol):
    """Told what happens, for people and logs."""

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


class Watcher:
    """Watches inboxes until it is stopped.

    Args:
        inboxes: The directories; one that does not exist yet is waited for.
        importing: Imports one file.
        report: Told what happens.
        monotonic: A clock that never goes back, in seconds.
    """

    def __init__(
        self,
        inboxes: Sequence[Inbox],
        importing: Importing,
        report: Report,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inboxes = {inbox.path: inbox for inbox in inboxes}
        self._importing = importing
        self._report = report
        self._monotonic = monotonic
        self._ledger = Ledger()
        self._hints = Hints()
        self._told: dict[str, str] = {}
        self._others_imported = False
        self._troubled: set[Path] = set()
        """Inboxes that could not be listed when it was tried last."""
        self._alone: dict[Path, float] = {}
        """Bundles that were done with before any recovery data came, and until when that may still come."""

    def run(self) -> None:
        """Watch until :meth:`stop` is called."""
        with self._hints:
            while not self._hints.stopped:
                self._hints.wait(0.0 if self._turn() else self._patience())

    def stop(self) -> None:
        """Stop as soon as the file at hand is done with. For any thread."""
        self._hints.stop()

    def store_changed(self) -> None:
        """Say that somebody else has imported something: files that lacked a base try again. For any thread."""
        self._others_imported = True
        self._hints.wake()

    def _turn(self) -> bool:
        """List everything, look at what settled, import one file; tell whether to list again at once."""
        directories = [entry for inbox in self._inboxes.values() for entry in self._list(inbox).directories]
        again = self._hints.watch(directories)
        self._tell("events", self._hints.problem)
        self._look()
        self._put_away_late_side_files()
        if self._others_imported:
            self._others_imported = False
            self._ledger.retry_blocked()
        self._ledger.retry_due(self._monotonic())
        for candidate in self._ledger.files_to_order():
            self._ledger.take_claimed_version(candidate, read_claimed_version(candidate.path, candidate.stamp))
        self._tell_waiting()
        chosen = self._ledger.next_import(self._monotonic())
        if chosen is None or self._hints.stopped:
            return again
        self._import(chosen)
        return True

    def _patience(self) -> float:
        """Return how long to wait for a hint, in seconds."""
        now = self._monotonic()
        rescan = min((inbox.rules.rescan_seconds for inbox in self._inboxes.values()), default=60.0)
        due = self._ledger.next_due(now)
        return rescan if due is None else min(rescan, due - now)

    def _list(self, inbox: Inbox) -> InboxListing:
        try:
            listing = list_inbox(inbox.path)
        except OSError as error:
            self._tell(f"list {inbox.path}", f"{inbox.path} cannot be listed ({error.strerror}); it is tried again")
            self._troubled.add(inbox.path)
            return InboxListing()
        if inbox.path in self._troubled:  # a stick that is back: what could not be read of it can be now
            self._troubled.discard(inbox.path)
            self._ledger.retry_blocked()
        self._ledger.take_listing(self._monotonic(), inbox.path, inbox.rules, listing.seen_files)
        problem = "holds too many files; some are not looked at" if listing.truncated else ""
        missing = "is not there (yet); it is waited for" if not listing.directories else ""
        self._tell(f"list {inbox.path}", f"{inbox.path} {problem or missing}" if problem or missing else "")
        return listing

    def _look(self) -> None:
        for candidate in self._ledger.files_to_look_at(self._monotonic()):
            result = look_at_file(candidate.path, candidate.stamp, named_as_bundle=candidate.named_as_bundle)
            self._ledger.take_look(self._monotonic(), candidate, result)

    def _import(self, candidate: Candidate) -> None:
        inbox, name = self._inboxes[candidate.inbox], str(candidate.path)
        self._report("importing", f"{name}: importing", path=name)
        try:
            result = self._importing(candidate.path)
        except AbandonedError:
            self._report("abandoned", f"{name}: import abandoned, nothing has changed", path=name)
            return
        except SealiftError as error:
            self._failed(inbox, candidate, error)
            return
        disposal = self._dispose(inbox, candidate)
        self._report(
            result.outcome,
            f"{name}: {result.text}; {disposal.text}",
            path=name,
            generation=result.generation,
            file=disposal.fate,
        )
        self._ledger.take_ending(self._monotonic(), candidate, ImportEnding.IMPORTED, result.text)

    def _dispose(self, inbox: Inbox, candidate: Candidate) -> Disposal:
        """Do with a bundle what its inbox asks for, and with its recovery data too, now or when that comes."""
        side_file = own_side_file(candidate.path)
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
        for candidate in self._ledger:
            if candidate.phase is Phase.FOREIGN and any(candidate.is_side_file_of(path) for path in self._alone):
                inbox = self._inboxes[candidate.inbox]
                dispose_of_side_file(inbox.path, candidate.path, inbox.dispose)

    def _failed(self, inbox: Inbox, candidate: Candidate, error: SealiftError) -> None:
        verdict, event = _verdict(error)
        text, fate = f"{candidate.path}: {error}", None
        if verdict is ImportEnding.REFUSED and error.details.get("kept"):
            disposal = self._dispose(inbox, candidate)
            text += f" A copy is in quarantine ({error.details['quarantine']}); {disposal.text}."
            fate = disposal.fate
        self._report(event, text, path=str(candidate.path), code=error.code, exit_code=error.exit_code, file=fate)
        self._ledger.take_ending(self._monotonic(), candidate, verdict, str(error))

    def _tell_waiting(self) -> None:
        """Say why files rest: once per file and reason, however often a copy goes on and stalls again."""
        present = {str(candidate.path): candidate for candidate in self._ledger}
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


def _verdict(error: SealiftError) -> tuple[ImportEnding, str]:
    if isinstance(error, IncompleteError):
        return ImportEnding.INCOMPLETE, "incomplete"
    if isinstance(error, LockedError):
        return ImportEnding.LOCKED, "postponed"
    if error.exit_code in REFUSED_CODES:
        return ImportEnding.REFUSED, "refused"
    if isinstance(error, StorageError):
        return ImportEnding.FAILED, "postponed"
    return ImportEnding.FAILED, "failed"
