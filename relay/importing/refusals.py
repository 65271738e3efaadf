"""Refusals of bundles: what is told, what is kept, and what to do about each."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import (
    ExpiredError,
    IncompleteError,
    LockedError,
    MalformedError,
    NotAuthenticError,
    RollbackError,
    SealiftError,
    StorageError,
)
from manifests.text import printable
from relay.context import Context
from relay.events.log import REFUSED, log_event
from relay.home import Home
from relay.importing.advice import advise_increment, advise_renumber, tells_of_lost_count
from relay.quarantine.registry import RefusedBundle, quarantine_bundle
from relay.state import Event, State
from relay.state.last_refusal import save_last_refusal
from relay.state.records import Detail, LastOutcome
from relay.store.outstanding import find_newest_whole

REFUSALS = (NotAuthenticError, MalformedError, RollbackError, ExpiredError, IncompleteError)
"""Errors that say something about the bundle, not about this machine."""


@dataclass(frozen=True)
class Refusal:
    """A bundle that was refused. ``record`` is that of its copy in quarantine, ``None`` where none was asked for.

    A bundle that is only incomplete is not quarantined: it may yet be imported.
    """

    error: SealiftError
    record: RefusedBundle | None = None

    @property
    def quarantined_as(self) -> str | None:
        """The id of the record whose content is in quarantine, durably: the file itself is not needed any more."""
        return self.record.id if self.record is not None and self.record.kept else None


def advise_on(error: SealiftError, home: Home) -> SealiftError:
    """Return a refusal with what to do about it, where it does not say so, or where this site knows better."""
    if not tells_of_lost_count(error) and error.todo:
        return error
    return error.reworded(todo=_way_out(home, error))


def quarantine_refused(context: Context, path: Path, error: SealiftError) -> RefusedBundle | None:
    """Take a copy of a refused file into quarantine, unless it is only incomplete, or nothing that can be kept.

    Raises:
        StorageError: The disk is failing.
    """
    if isinstance(error, IncompleteError):
        return None
    with suppress(MalformedError):  # a link or a device: nothing to keep
        return quarantine_bundle(context.home, context.config, path, error, context.clock())
    return None


def record_refusal(context: Context, path: Path, refusal: Refusal) -> None:
    """Write a refusal into the audit log, and keep it as the last one; the database stays as it was."""
    error, now = refusal.error, context.clock()
    details: dict[str, Detail] = {
        "code": error.code,
        "exit_code": error.exit_code,
        "file": printable(path.name),
        "quarantine": None if refusal.record is None else refusal.record.id,
    }
    text = f"{printable(path.name)} was refused: {error}"
    with suppress(StorageError):  # the refusal matters more than its record
        save_last_refusal(context.home.last_refusal_file, LastOutcome(now, error.code, text))
        log_event(context.home, Event(now, REFUSED, text, details))


def _way_out(home: Home, error: SealiftError) -> str | None:
    """Return what to do about a file that says nothing that can be believed, or counts otherwise than those before."""
    with suppress(StorageError, LockedError), State(home.database) as state:
        if tells_of_lost_count(error):
            return advise_renumber(state.generations.find_newest_number())
        since = find_newest_whole(state, home.store)
        return f"compare its sha256 with the slip and copy it again; or, in the DMZ: {advise_increment(since)}"
    return None
