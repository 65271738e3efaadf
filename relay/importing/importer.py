"""Admission of one bundle: verify, store, commit: its generation is held. A crash leaves the old or the new.

1. the home's lock
2. open once; structure, roots, manifest signature, metadata (:mod:`manifests.bundle.verify`); of a damaged file the
   front alone (:mod:`relay.importing.damaged`)
3. a generation that is held already: nothing to do, unless the store has lost some of it
4. what does not arrive must be held, and so must every base of a patch; room for what is carried
5. content into the store in one pass, hashed on the way; durable (:mod:`relay.importing.content`)
6. one transaction: while content of the generation is missing, a pending record and nothing else; with the
   last of it trusted metadata, clock floor, generation, event

No ring moves by that and nothing else follows here: see :mod:`relay.afterwards`.

A refusal changes neither the store nor the database; it is a line of the audit log. The one exception says so:
of a damaged bundle whose front is believed, what is undamaged is kept as a pending generation.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from manifests.bundle.verify import VerifiedBundle
from manifests.clock import instant_text
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
from manifests.progress import Progress
from manifests.text import printable
from relay.config import Config
from relay.context import Context
from relay.events.log import REFUSED, log_event
from relay.home import Home
from relay.importing import damaged as salvage
from relay.importing import recovery as repair
from relay.importing.checks import check_bases, check_roots, check_space, damage_of, is_stored, manifest_digest
from relay.importing.content import Intake, Taken
from relay.quarantine.registry import quarantine_bundle
from relay.state import Event, NewGeneration, State
from relay.state.last_refusal import save_last_refusal
from relay.state.records import LastOutcome
from relay.store.outstanding import (
    OutstandingContent,
    advise_increment,
    advise_renumber,
    find_newest_whole,
    find_outstanding,
    tells_of_lost_count,
)
from relay.store.temporary import remove_repair_directories

Result = Literal["imported", "already-imported", "repaired", "stored", "already-stored"]

WAIT_SECONDS = 60.0
"""How long an import waits for another one to end."""

REFUSALS = (NotAuthenticError, MalformedError, RollbackError, ExpiredError, IncompleteError)
"""Errors that say something about the bundle, not about this machine."""


@dataclass(frozen=True)
class ImportResult:
    """What became of a bundle that was believed.

    ``outcome``: ``imported`` made a new generation; ``already-imported`` changed nothing; ``repaired``
    brought back content of a generation that the store had lost; ``stored`` took a share of a generation that is
    not whole yet, and ``already-stored`` had taken it before: ``outstanding`` is what that generation lacks.
    ``bytes_read`` is content hashed.
    """

    outcome: Result
    path: Path
    publisher: str
    generation: int
    created: datetime
    targets: int
    bytes_read: int
    text: str
    outstanding: OutstandingContent | None = None


def import_bundle(
    context: Context,
    path: Path,
    *,
    accept_expired: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    quarantine: bool = False,
    all_or_nothing: bool = False,
) -> ImportResult:
    """Import one bundle file; the file is left where it is.

    Args:
        context: The relay's.
        path: The file, whatever its name.
        accept_expired: Believe expired roles; recorded in the event.
        wait_seconds: How long to wait for another import.
        quarantine: Copy a refused file into quarantine, unless it is only incomplete; ``quarantine`` in the
            error's context is the record's id, ``kept`` whether the content is there, durably.
        all_or_nothing: Keep nothing of a damaged bundle; without it, what is undamaged is kept for later.

    Raises:
        NotAuthenticError: A signature or digest does not hold.
        MalformedError: The container or a document breaks its format.
        RollbackError: Older than what is trusted already.
        ExpiredError: Past its signed lifetime.
        IncompleteError: ``base.missing``: content that the site lacks is not carried; ``base.damaged``;
            ``bundle.damaged``: what is undamaged was kept, the rest is missing.
        StorageError: ``storage.space`` beforehand, or any other storage error; nothing changed.
        LockedError: ``lock.held``: another import did not end in time.
        CancelledError: The context's token says so; nothing changed.
    """
    job = _Import(context, path, accept_expired, all_or_nothing)
    try:
        with context.home.lock(wait_seconds):
            context.home.blobs.sweep()
            return job.run()
    except REFUSALS as error:
        raise _refused(context.home, context.config, path, error, context.clock(), quarantine=quarantine) from error


@dataclass(frozen=True)
class _Import:
    """One import under the lock, from a believed bundle on."""

    context: Context
    path: Path
    accept_expired: bool
    all_or_nothing: bool

    @property
    def home(self) -> Home:
        """The relay's directory."""
        return self.context.home

    @property
    def progress(self) -> Progress:
        """Told how far it is."""
        return self.context.progress

    def run(self) -> ImportResult:
        """Import the file; where it is damaged, a copy that the recovery data beside it made whole."""
        try:
            return self._import(self.path)
        except SealiftError as error:
            if not salvage.may_be_mended(error):
                raise
            mended = self._mend(error)
            if mended is None:
                raise
            result = self._import_mended(mended, error)
        text = f"{printable(self.path.name)}: {mended.text}"
        with suppress(StorageError):
            log_event(self.home, Event(self.context.clock(), "medium-damaged", text))
        return replace(result, text=f"{result.text}. {mended.text}")

    def _import_mended(self, mended: repair.Repaired, error: SealiftError) -> ImportResult:
        """Import the copy; where that is not believed, what is wrong with the file itself is the reason."""
        with mended:
            try:
                return self._import(mended.path)
            except (NotAuthenticError, MalformedError) as refusal:
                raise error from refusal

    def _mend(self, error: SealiftError) -> repair.Repaired | None:
        remove_repair_directories(self.home.blobs.temporary)
        try:
            return repair.attempt(
                self.path, self.home.blobs.temporary, self.progress, reserve_bytes=self.context.config.reserve_bytes
            )
        except IncompleteError:
            if error.code == salvage.DAMAGED:
                raise error from None  # it says what was kept, and what to ask for
            raise

    def _import(self, path: Path) -> ImportResult:
        with salvage.opened(path) as file, State(self.home.database) as state:
            now = self.context.clock()
            self.progress.start(f"Verify {printable(self.path.name)}")
            bundle, broken = salvage.believe(
                file, state.trusted.load_trusted(), now, accept_expired=self.accept_expired
            )
            try:
                return self._take(bundle, state, now, broken)
            except REFUSALS as error:
                if broken is None or error is broken or error.code == salvage.DAMAGED:
                    raise
                raise broken from error  # nothing was kept: what is wrong with the file is the reason

    def _take(self, bundle: VerifiedBundle, state: State, now: datetime, broken: SealiftError | None) -> ImportResult:
        check_roots(bundle, state)
        number = bundle.manifest.snapshot_version
        known = state.generations.find_generation(number) is not None
        if broken is not None and self.all_or_nothing:
            raise broken
        intake = Intake(
            self.home, bundle, state.arriving.load_parts(), self.progress, all_or_nothing=self.all_or_nothing
        )
        lost = intake.missing()
        begun = state.arriving.find_generation(number) is not None
        if broken is not None and not begun and not (lost and intake.brings()):
            raise broken
        if known and not lost:
            return self._result(bundle, "already-imported", 0, f"Generation {number} is here already; nothing to do")
        if not known and is_stored(bundle, state) and lost and not intake.brings():
            return self._waiting(bundle, "already-stored", 0, state)
        check_bases(bundle, intake, lost, state, self.home)
        check_space(bundle, intake, self.home, self.context.config)
        self.progress.start("Store", bundle.bytes_to_store)
        taken = intake.run()
        damage = damage_of(taken, broken, begun=begun)
        if damage is not None and not taken.new and not begun:
            raise damage
        still = intake.missing()
        if known:
            result = self._repaired(bundle, state, now, taken, len(lost) - len(still), len(still))
            if damage is not None:
                raise damage
            return result
        if damage is None and not still:
            text = self._commit(bundle, state, now, taken)
            return self._result(bundle, "imported", taken.bytes_read, text)
        self._keep(bundle, state, now, taken, whole=damage is None)
        if damage is not None:
            raise salvage.damaged(damage, len(taken.damage), find_outstanding(number, state, self.home.blobs))
        return self._waiting(bundle, "stored", taken.bytes_read, state, _rot(taken))

    def _commit(self, bundle: VerifiedBundle, state: State, now: datetime, taken: Taken) -> str:
        manifest = bundle.manifest
        new = NewGeneration(
            manifest=manifest,
            manifest_bytes=bundle.manifest_bytes,
            signature_bytes=bundle.signature_bytes,
            trusted=bundle.state,
            documents=bundle.documents,
            file_name=printable(self.path.name),
        )
        text = (
            f"Generation {manifest.snapshot_version} of {manifest.publisher}, "
            f"created {instant_text(manifest.created)}: {len(manifest.targets):,} targets"
        )
        if taken.damage:
            text += f"; {len(taken.damage):,} members were damaged, their content was here already"
        self.progress.start("Commit")
        with state.transaction():
            state.generations.add_generation(new, now)
            _save_parts(state, taken)
            state.arriving.drop_generations_through(manifest.snapshot_version)
            expired = [
                role.role for role in state.trusted.list_roles() if role.expires_at <= max(now, manifest.created)
            ]
            if self.accept_expired and expired:
                text += f"; accepted by the operator although expired: {', '.join(expired)}"
            state.receipts.note_change()
            details: dict[str, str | int | bool | None] = {
                "generation": manifest.snapshot_version,
                "file": printable(self.path.name),
                "accepted_expired": ",".join(expired) if self.accept_expired else "",
            }
            state.last_import.save_last_import(LastOutcome(now, str(manifest.snapshot_version), text))
            state.event_rows.add_event(Event(now, "import", text, details))
        return text

    def _keep(self, bundle: VerifiedBundle, state: State, now: datetime, taken: Taken, *, whole: bool) -> None:
        """Record that a share of a generation is stored; nothing of it is trusted or served."""
        manifest = bundle.manifest
        name = printable(self.path.name)
        text = f"{_volume(bundle)} is stored" if whole else f"What is undamaged of {_volume(bundle)} is stored"
        text += _rot(taken)
        details: dict[str, str | int | bool | None] = {
            "generation": manifest.snapshot_version,
            "volume": manifest.volume_index,
            "volumes": manifest.volume_count,
            "file": name,
            "damaged": len(taken.damage),
            "rotten_bytes": taken.rotten_bytes,
        }
        with state.transaction():
            state.arriving.add_bundle(manifest, manifest_digest(bundle), name, now, whole=whole)
            _save_parts(state, taken)
            state.receipts.note_change()
            state.event_rows.add_event(Event(now, "stored", text, details))

    def _waiting(
        self, bundle: VerifiedBundle, outcome: Result, bytes_read: int, state: State, note: str = ""
    ) -> ImportResult:
        left = find_outstanding(bundle.manifest.snapshot_version, state, self.home.blobs)
        done = "is stored" if outcome == "stored" else "is here already"
        text = f"{_volume(bundle)} {done}{note}. Still needed: {left.need}. Do: {left.todo}"
        return self._result(bundle, outcome, bytes_read, text, left)

    def _repaired(
        self, bundle: VerifiedBundle, state: State, now: datetime, taken: Taken, back: int, still: int
    ) -> ImportResult:
        """Record that content of a generation that was here is back."""
        number = bundle.manifest.snapshot_version
        text = f"Content that generation {number} had lost is back: {back:,} targets"
        if still:
            text += f"; {still:,} are still missing"
        with state.transaction():
            _save_parts(state, taken)
            state.receipts.note_change()
            state.event_rows.add_event(
                Event(now, "repair", text, {"generation": number, "file": printable(self.path.name)})
            )
        return self._result(bundle, "repaired", taken.bytes_read, text)

    def _result(
        self,
        bundle: VerifiedBundle,
        outcome: Result,
        bytes_read: int,
        text: str,
        left: OutstandingContent | None = None,
    ) -> ImportResult:
        manifest = bundle.manifest
        return ImportResult(
            outcome=outcome,
            path=self.path,
            publisher=manifest.publisher,
            generation=manifest.snapshot_version,
            created=manifest.created,
            targets=len(manifest.targets),
            bytes_read=bytes_read,
            text=text,
            outstanding=left,
        )


def _volume(bundle: VerifiedBundle) -> str:
    manifest = bundle.manifest
    if manifest.volume_count == 1:
        return f"The bundle of generation {manifest.snapshot_version}"
    return f"Volume {manifest.volume_index} of {manifest.volume_count} of generation {manifest.snapshot_version}"


def _rot(taken: Taken) -> str:
    """Say what of a file in parts is not what it was when it came."""
    if not taken.rotten_bytes:
        return ""
    return f"; {taken.rotten_bytes:,} bytes that came before have rotted on this disk and are needed again"


def _save_parts(state: State, taken: Taken) -> None:
    for sha256, ranges in taken.parts.items():
        state.arriving.save_parts(sha256, ranges)


def _refused(
    home: Home, config: Config, path: Path, error: SealiftError, now: datetime, *, quarantine: bool
) -> SealiftError:
    """Write a refusal into the audit log and, when asked, keep a copy; what is incomplete may yet be imported."""
    if tells_of_lost_count(error) or not error.todo:
        error = error.reworded(todo=_way_out(home, error))
    if quarantine and not isinstance(error, IncompleteError):
        with suppress(MalformedError):  # a link or a device: nothing to keep
            record = quarantine_bundle(home, config, path, error, now)
            error = error.reworded(quarantine=record.id, kept=int(record.kept))
    details: dict[str, str | int | bool | None] = {
        "code": error.code,
        "exit_code": error.exit_code,
        "file": printable(path.name),
    }
    details["quarantine"] = error.details.get("quarantine")
    text = f"{printable(path.name)} was refused: {error}"
    with suppress(StorageError):  # the refusal matters more than its record
        save_last_refusal(home.last_refusal_file, LastOutcome(now, error.code, text))
        log_event(home, Event(now, REFUSED, text, details))
    return error


def _way_out(home: Home, error: SealiftError) -> str | None:
    """Return what to do about a file that says nothing that can be believed, or counts otherwise than those before."""
    with suppress(StorageError, LockedError), State(home.database) as state:
        if tells_of_lost_count(error):
            return advise_renumber(state.generations.find_newest_number())
        since = find_newest_whole(state, home.blobs)
        return f"compare its sha256 with the slip and copy it again; or, in the DMZ: {advise_increment(since)}"
    return None
