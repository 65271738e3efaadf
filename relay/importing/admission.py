"""Admission of a believed bundle: its content into the store, and one transaction that says what is held after it.

The steps have the numbers of :mod:`relay.importing.importer`, which has taken the lock and verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from manifests.bundle.verify import VerifiedBundle
from manifests.clock import instant_text
from manifests.errors import SealiftError
from manifests.text import count_text, printable
from relay.context import Context
from relay.importing.checks import (
    check_bases,
    check_roots,
    check_space,
    choose_damage,
    digest_manifest,
    was_stored_before,
)
from relay.importing.content import ContentIntake, TakenContent
from relay.importing.damaged import damaged_bundle
from relay.importing.result import ImportResult, Outcome
from relay.state import Event, NewGeneration, State
from relay.state.records import Detail, LastOutcome
from relay.store.outstanding import OutstandingContent, find_outstanding


@dataclass(frozen=True)
class Admission:
    """The admission of one bundle, under the home's lock.

    Args:
        context: The relay's.
        path: The file as it came, for people.
        bundle: Believed, its file open.
        state: Open.
        now: The system's time.
        broken: What is wrong with the bundle's structure, where only its front is believed.
        accept_expired: Expired roles were believed; the event says so.
        all_or_nothing: Keep nothing of a damaged bundle.
    """

    context: Context
    path: Path
    bundle: VerifiedBundle
    state: State
    now: datetime
    broken: SealiftError | None
    accept_expired: bool
    all_or_nothing: bool

    @property
    def number(self) -> int:
        """The bundle's generation."""
        return self.bundle.manifest.snapshot_version

    def admit_bundle(self) -> ImportResult:
        """Store what the bundle carries and commit it.

        Raises:
            NotAuthenticError: ``bundle.root``, ``blob.digest``.
            MalformedError: ``patch.*``, or as ``broken``.
            IncompleteError: ``base.missing``, ``base.damaged``.
            DamagedBundleError: What is undamaged was kept, the rest is missing.
            StorageError: ``storage.space`` beforehand, or any other storage error; nothing changed.
            CancelledError: The context's token says so; nothing changed.
        """
        check_roots(self.bundle, self.state)
        if self.broken is not None and self.all_or_nothing:
            raise self.broken
        parts = self.state.arriving.load_parts()
        intake = ContentIntake(self.context, self.bundle, parts, all_or_nothing=self.all_or_nothing)
        # 3. what is here already: asked first, since most bundles of a stick are
        lost = intake.list_missing()
        known = self.state.generations.find_generation(self.number) is not None
        begun = self.state.arriving.find_generation(self.number) is not None
        if self.broken is not None and not begun and not (lost and intake.brings_anything()):
            raise self.broken
        if known and not lost:
            return self._result("already-imported", 0, f"Generation {self.number} is here already; nothing to do")
        if not known and was_stored_before(self.bundle, self.state) and lost and not intake.brings_anything():
            return self._waiting("already-stored", 0)
        # 4. refused before anything is written: a full disk or a missing base must not cost minutes
        check_bases(self.bundle, intake, lost, self.state, self.context.home)
        check_space(self.bundle, intake, self.context.home, self.context.config)
        # 5. durable when this returns: the transaction after it speaks of nothing that a power cut could take
        self.context.cancel.raise_if_cancelled()
        self.context.progress.start("Store", self.bundle.bytes_to_store)
        taken = intake.take_content()
        damage = choose_damage(taken, self.broken, begun=begun)
        if damage is not None and not taken.new and not begun:
            raise damage
        # 6. one transaction, by what is here now and not by what the bundle promised
        self.context.cancel.raise_if_cancelled()
        still = intake.list_missing()
        if known:
            result = self._give_back(taken, len(lost) - len(still), len(still))
            if damage is not None:
                raise damage
            return result
        if damage is None and not still:
            return self._result("imported", taken.bytes_read, self._commit_generation(taken))
        self._keep_share(taken, whole=damage is None)
        if damage is not None:
            raise damaged_bundle(damage, len(taken.damage), self._outstanding())
        return self._waiting("stored", taken.bytes_read, _describe_rot(taken))

    def _commit_generation(self, taken: TakenContent) -> str:
        """Add the generation and trust its metadata."""
        manifest, state = self.bundle.manifest, self.state
        new = NewGeneration(
            manifest=manifest,
            manifest_bytes=self.bundle.manifest_bytes,
            signature_bytes=self.bundle.signature_bytes,
            trusted=self.bundle.state,
            documents=self.bundle.documents,
            file_name=printable(self.path.name),
        )
        text = (
            f"Generation {self.number} of {manifest.publisher}, created {instant_text(manifest.created)}: "
            f"{count_text(len(manifest.targets), 'file')}"
        )
        if taken.damage:
            text += f"; content here already made up for {count_text(len(taken.damage), 'damaged member')}"
        self.context.progress.start("Commit")
        with state.transaction():
            state.generations.add_generation(new, self.now)
            state.arriving.drop_generations_through(self.number)
            expired = self._accepted_expired()
            if expired:
                text += f"; accepted by the operator although expired: {', '.join(expired)}"
            state.last_import.save_last_import(LastOutcome(self.now, str(self.number), text))
            self._save(taken, "import", text, {"accepted_expired": ",".join(expired)})
        return text

    def _accepted_expired(self) -> tuple[str, ...]:
        """Return the roles that are trusted now although they have expired."""
        instant = max(self.now, self.bundle.manifest.created)
        roles = self.state.trusted.list_roles() if self.accept_expired else ()
        return tuple(role.role for role in roles if role.expires_at <= instant)

    def _keep_share(self, taken: TakenContent, *, whole: bool) -> None:
        """Record that a share of a generation is stored; nothing of it is trusted or served."""
        manifest = self.bundle.manifest
        text = f"{self._volume} is stored" if whole else f"What is undamaged of {self._volume} is stored"
        details: dict[str, Detail] = {
            "volume": manifest.volume_index,
            "volumes": manifest.volume_count,
            "damaged": len(taken.damage),
            "rotten_bytes": taken.rotten_bytes,
        }
        with self.state.transaction():
            name = printable(self.path.name)
            self.state.arriving.add_bundle(manifest, digest_manifest(self.bundle), name, self.now, whole=whole)
            self._save(taken, "stored", text + _describe_rot(taken), details)

    def _give_back(self, taken: TakenContent, back: int, still: int) -> ImportResult:
        """Record that content of a generation that was here is back."""
        text = f"Content that generation {self.number} had lost is back: {count_text(back, 'file')}"
        if still:
            text += f"; {still:,} are still missing"
        with self.state.transaction():
            self._save(taken, "repair", text, {})
        return self._result("repaired", taken.bytes_read, text)

    def _save(self, taken: TakenContent, kind: str, text: str, details: Mapping[str, Detail]) -> None:
        """Save what every admission has in common. Inside a transaction."""
        for sha256, ranges in taken.parts.items():
            self.state.arriving.save_parts(sha256, ranges)
        self.state.receipts.note_change()
        told: dict[str, Detail] = {"generation": self.number, "file": printable(self.path.name), **details}
        self.state.event_rows.add_event(Event(self.now, kind, text, told))

    def _outstanding(self) -> OutstandingContent:
        return find_outstanding(self.number, self.state, self.context.home.store)

    @property
    def _volume(self) -> str:
        manifest = self.bundle.manifest
        if manifest.volume_count == 1:
            return f"The bundle of generation {self.number}"
        return f"Volume {manifest.volume_index} of {manifest.volume_count} of generation {self.number}"

    def _waiting(self, outcome: Outcome, bytes_read: int, note: str = "") -> ImportResult:
        left = self._outstanding()
        done = "is stored" if outcome == "stored" else "is here already"
        text = f"{self._volume} {done}{note}. Still needed: {left.need}. Do: {left.todo}"
        return self._result(outcome, bytes_read, text, left)

    def _result(
        self, outcome: Outcome, bytes_read: int, text: str, left: OutstandingContent | None = None
    ) -> ImportResult:
        manifest = self.bundle.manifest
        return ImportResult(
            outcome=outcome,
            path=self.path,
            publisher=manifest.publisher,
            generation=self.number,
            created=manifest.created,
            targets=len(manifest.targets),
            bytes_read=bytes_read,
            text=text,
            outstanding=left,
        )


def _describe_rot(taken: TakenContent) -> str:
    """Say what of a file in parts is not what it was when it came."""
    if not taken.rotten_bytes:
        return ""
    return f"; needed again, because this disk damaged what came before: {count_text(taken.rotten_bytes, 'byte')}"
