"""Import of one bundle: verify, store, commit: its generation is held. A crash at any instant leaves the old or new.

1. the home's lock
2. open once; structure, roots, manifest signature, metadata (:mod:`manifests.bundle.verify`); of a damaged file the
   front alone (:mod:`relay.importing.damaged`)
3. a generation that is held already: nothing to do, unless the store has lost some of it
4. what does not arrive must be held, and so must every base of a patch; room for what is carried
5. content into the store in one pass, hashed on the way; durable (:mod:`relay.importing.content`)
6. one transaction: while content of the generation is missing, a record of what has arrived and nothing else; with
   the last of it trusted metadata, clock floor, generation, event

Steps 3 to 6 are in :mod:`relay.importing.admission`. No ring moves by them and nothing else follows here: see
:mod:`relay.afterwards`.

A refusal changes neither the store nor the database; it is a line of the audit log. The one exception says so:
of a damaged bundle whose front is believed, what is undamaged is kept as an arriving generation.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from manifests.errors import (
    DamagedBundleError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    SealiftError,
    StorageError,
)
from manifests.text import printable
from relay.context import Context
from relay.events.log import log_event
from relay.importing.admission import Admission
from relay.importing.damaged import believe_bundle, may_be_repaired, open_medium
from relay.importing.recovery import RepairedBundle, repair_bundle
from relay.importing.refusals import REFUSALS, Refusal, advise_on, quarantine_refused, record_refusal
from relay.importing.result import ImportResult
from relay.state import Event, State
from relay.store.temporary import remove_repair_directories

WAIT_SECONDS = 60.0
"""How long an import waits for another one to end."""


def import_bundle(
    context: Context,
    path: Path,
    *,
    accept_expired: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    all_or_nothing: bool = False,
) -> ImportResult:
    """Import one bundle; the file is left where it is.

    Args:
        context: The relay's.
        path: The file, whatever its name.
        accept_expired: Believe expired roles; recorded in the event.
        wait_seconds: How long to wait for another import.
        all_or_nothing: Keep nothing of a damaged bundle; without it, what is undamaged is kept for later.

    Raises:
        NotAuthenticError: A signature or digest does not hold.
        MalformedError: The container or a document breaks its format.
        RollbackError: Older than what is trusted already.
        ExpiredError: Past its signed lifetime.
        IncompleteError: ``base.missing``: content that the site lacks is not carried; ``base.damaged``.
        DamagedBundleError: What is undamaged was kept, the rest is missing.
        StorageError: ``storage.space`` beforehand, or any other storage error; nothing changed.
        LockedError: ``lock.held``: another import did not end in time.
        CancelledError: The context's token says so; nothing changed.
    """
    job = _Import(context, path, accept_expired, all_or_nothing)
    try:
        return job.run(wait_seconds)
    except REFUSALS as error:
        refusal = Refusal(advise_on(error, context.home))
        record_refusal(context, path, refusal)
        raise refusal.error from error


def import_or_quarantine(context: Context, path: Path, *, wait_seconds: float = WAIT_SECONDS) -> ImportResult | Refusal:
    """Import one bundle that nobody stands beside; a copy of what is refused goes into quarantine.

    Args:
        context: The relay's.
        path: The file, whatever its name; it is left where it is.
        wait_seconds: How long to wait for another import.

    Returns:
        The result, or the refusal with what was kept of the file.

    Raises:
        StorageError: Any storage error; nothing changed.
        LockedError: ``lock.held``: another import did not end in time.
        CancelledError: The context's token says so; nothing changed.
    """
    job = _Import(context, path, accept_expired=False, all_or_nothing=False)
    try:
        return job.run(wait_seconds)
    except REFUSALS as error:
        told = advise_on(error, context.home)
        refusal = Refusal(told, quarantine_refused(context, path, told))
        record_refusal(context, path, refusal)
        return refusal


@dataclass(frozen=True)
class _Import:
    """One import of one file."""

    context: Context
    path: Path
    accept_expired: bool
    all_or_nothing: bool

    def run(self, wait_seconds: float) -> ImportResult:
        """Import the file; where it is damaged, a copy that the recovery data beside it made whole."""
        # 1. whoever has the lock may take for rubbish what an interrupted import left
        with self.context.home.lock(wait_seconds):
            self.context.home.store.sweep()
            try:
                return self._import(self.path)
            except SealiftError as error:
                if not may_be_repaired(error):
                    raise
                repaired = self._repair(error)
                if repaired is None:
                    raise
                result = self._import_repaired(repaired, error)
        text = f"{printable(self.path.name)}: {repaired.text}"
        with suppress(StorageError):
            log_event(self.context.home, Event(self.context.clock(), "medium-damaged", text))
        return replace(result, text=f"{result.text}. {repaired.text}")

    def _import_repaired(self, repaired: RepairedBundle, error: SealiftError) -> ImportResult:
        """Import the copy; where that is not believed, what is wrong with the file itself is the reason."""
        with repaired:
            try:
                return self._import(repaired.path)
            except (NotAuthenticError, MalformedError) as refusal:
                raise error from refusal

    def _repair(self, error: SealiftError) -> RepairedBundle | None:
        temporary = self.context.home.store.temporary
        remove_repair_directories(temporary)
        try:
            return repair_bundle(
                self.path,
                temporary,
                self.context.progress,
                self.context.cancel,
                reserve_bytes=self.context.config.reserve_bytes,
            )
        except IncompleteError:
            if isinstance(error, DamagedBundleError):
                raise error from None  # it says what was kept, and what to ask for
            raise

    def _import(self, path: Path) -> ImportResult:
        # 2. all of it is read through one open file: nobody can put another one in its place meanwhile
        with open_medium(path) as file, State(self.context.home.database) as state:
            now = self.context.clock()
            self.context.cancel.raise_if_cancelled()
            self.context.progress.start(f"Verify {printable(self.path.name)}")
            trusted = state.trusted.load_trusted()
            bundle, broken = believe_bundle(file, trusted, now, accept_expired=self.accept_expired)
            admission = Admission(
                self.context, self.path, bundle, state, now, broken, self.accept_expired, self.all_or_nothing
            )
            try:
                return admission.admit_bundle()
            except REFUSALS as error:
                if broken is None or error is broken or isinstance(error, DamagedBundleError):
                    raise
                raise broken from error  # nothing was kept: what is wrong with the file is the reason
