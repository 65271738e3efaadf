"""Store rule packs in the manager, say what applying the newest would change, and apply it when told to.

What was stored stands in the relay's state, each with the manager, the name, the digest and the manager's number; so
a second run stores nothing twice. A pack of that name which the manager has from elsewhere is exported and compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from manifests.archives.rulepack import Release
from manifests.dsm import Manager, RuleChanges, SecurityUpdate
from manifests.errors import FetchError, RollbackError, UsageError
from manifests.text import count_text
from relay.context import Context
from relay.dialing.manager.packs import CarriedRulePack, load_verified_content
from relay.state import Event, State
from relay.state.manager_deliveries import StoredPack
from relay.state.records import Detail

STORED = "manager-stored"
APPLIED = "manager-applied"
"""Kinds of events."""

Application = Literal["dry-run", "applied", "already-applied"]


@dataclass(frozen=True)
class RulePackOrder:
    """What the operator wants done with the rule packs.

    Args:
        apply: Apply the pack; else only store it and show what applying would change.
        detect_only: New rules only detect.
        pack: Name of the pack to apply, the newest when ``None``. Named, it may be older than the manager's.
    """

    apply: bool = False
    detect_only: bool = False
    pack: str | None = None


@dataclass(frozen=True)
class DeliveredRulePack:
    """One rule pack as the manager has it now. ``new`` when this run stored it."""

    pack: CarriedRulePack
    update: SecurityUpdate
    new: bool


@dataclass(frozen=True)
class RulePackReport:
    """What one run against a manager did. ``changes`` is what applying ``chosen`` changes, or has changed."""

    manager: str
    generation: int
    packs: tuple[DeliveredRulePack, ...]
    chosen: DeliveredRulePack
    changes: RuleChanges
    application: Application


@dataclass(frozen=True)
class ManagerDelivery:
    """Brings rule packs to one manager, in one run.

    Args:
        context: The relay's.
        state: Its open state.
        manager: A session.
        shown: The manager's address, for events.
        max_bytes: Largest pack.
    """

    context: Context
    state: State
    manager: Manager
    shown: str
    max_bytes: int

    def deliver_packs(self, generation: int, packs: Sequence[CarriedRulePack], order: RulePackOrder) -> RulePackReport:
        """Store the rule packs that the manager lacks, then show what the chosen one changes, or apply it.

        Args:
            generation: Whose packs they are, for events.
            packs: The oldest first, at least one.
            order: What to do with them.

        Raises:
            UsageError: ``manager.unknown-pack``.
            RollbackError: ``manager.older``: the manager has applied a newer pack than our newest.
            NotAuthenticError: ``blob.digest``: nothing of a damaged pack is sent.
            FetchError: ``dsm.*``.
        """
        chosen = _chosen(packs, order)
        before = self.manager.security_updates()
        if order.pack is None:
            _check_not_older(chosen, before)
        new = {pack.name for pack in packs if self._stored(pack, before, generation)}
        after = self.manager.security_updates() if new else before
        delivered = tuple(DeliveredRulePack(pack, _there(pack, after), pack.name in new) for pack in packs)
        target = next(entry for entry in delivered if entry.pack == chosen)
        self.context.progress.start(f"what {chosen.name} changes")
        changes = self.manager.changes(target.update.id)
        if not order.apply:
            return RulePackReport(self.shown, generation, delivered, target, changes, "dry-run")
        if _is_applied(target.update, order):
            return RulePackReport(self.shown, generation, delivered, target, changes, "already-applied")
        changes, now = self._apply(target, order, generation)
        delivered = tuple(replace(entry, update=_there(entry.pack, now)) for entry in delivered)
        target = next(entry for entry in delivered if entry.pack == chosen)
        return RulePackReport(self.shown, generation, delivered, target, changes, "applied")

    def _stored(self, pack: CarriedRulePack, there: Sequence[SecurityUpdate], generation: int) -> bool:
        """Store a pack unless the manager has it; tell whether it was stored now."""
        update = _find(pack.name, there)
        if update is not None:
            if not self._is_ours(pack, update):
                self._compare(pack, update, generation)
            return False
        if pack.blob.length > self.max_bytes:
            raise FetchError(
                "dsm.too-large",
                f"{pack.path} is larger than what a manager is given",
                have=count_text(pack.blob.length, "byte"),
                need=f"at most {self.max_bytes:,}",
                todo="raise manager.max_mib in relay.toml",
            )
        self.context.progress.start(f"storing {pack.name}", pack.blob.length)
        update = self.manager.store(load_verified_content(self.context.home.store, pack), pack.name)
        self.context.progress.advance(pack.blob.length)
        if update.name != pack.name:
            raise FetchError(
                "dsm.not-stored", f"The manager stored {pack.name} under another name", have=repr(update.name[:100])
            )
        self._record_stored(f"{pack.name} was stored in the manager {self.shown}", pack, update, generation)
        return True

    def _is_ours(self, pack: CarriedRulePack, update: SecurityUpdate) -> bool:
        """Tell whether we stored this very content, or compared it, as this very entry."""
        return self.state.manager_deliveries.has_pack(self._entry(pack, update))

    def _entry(self, pack: CarriedRulePack, update: SecurityUpdate) -> StoredPack:
        return StoredPack(self.shown, pack.name, pack.blob.sha256, update.id)

    def _compare(self, pack: CarriedRulePack, update: SecurityUpdate, generation: int) -> None:
        self.context.progress.start(f"comparing {pack.name}")
        found = hashlib.sha256(self.manager.export(update.id)).hexdigest()
        if found != pack.blob.sha256:
            raise FetchError(
                "dsm.name-taken",
                f"The manager has another rule pack named {pack.name}",
                have=f"sha256 {found}",
                need=f"sha256 {pack.blob.sha256}",
                todo="delete it in the manager's console if it should not be there",
            )
        text = f"{pack.name} was in the manager {self.shown} already, with the same content"
        self._record_stored(text, pack, update, generation)

    def _apply(
        self, target: DeliveredRulePack, order: RulePackOrder, generation: int
    ) -> tuple[RuleChanges, Sequence[SecurityUpdate]]:
        """Let the manager apply a rule pack, see that it did, and return what changed and all packs as they are now."""
        pack = target.pack
        self.context.progress.start(f"applying {pack.name}")
        changes = self.manager.apply(target.update.id, detect_only=order.detect_only)
        updates = self.manager.security_updates()
        update = _there(pack, updates)
        if not _is_applied(update, order):
            raise FetchError(
                "dsm.not-applied",
                f"The manager took {pack.name} and does not say that it is applied",
                have=f"{update.state or 'an unknown state'}, detect only: {update.detect_only}",
                need=f"APPLIED_CURRENT, detect only: {order.detect_only}",
                todo="look into the manager's console",
            )
        how = " with new rules only detecting" if order.detect_only else ""
        text = f"{pack.name} was applied in the manager {self.shown}{how}"
        with self.state.transaction():
            self.state.event_rows.add_event(self._event(APPLIED, text, pack, update, generation))
        return changes, updates

    def _record_stored(self, text: str, pack: CarriedRulePack, update: SecurityUpdate, generation: int) -> None:
        """Record that the manager has a rule pack, and the event that tells of it, together."""
        with self.state.transaction():
            self.state.manager_deliveries.add_pack(self._entry(pack, update))
            self.state.event_rows.add_event(self._event(STORED, text, pack, update, generation))

    def _event(self, kind: str, text: str, pack: CarriedRulePack, update: SecurityUpdate, generation: int) -> Event:
        details: dict[str, Detail] = {
            "manager": self.shown,
            "name": pack.name,
            "sha256": pack.blob.sha256,
            "id": update.id,
            "generation": generation,
            "detect_only": update.detect_only,
        }
        return Event(self.context.clock(), kind, text, details)


def _chosen(packs: Sequence[CarriedRulePack], order: RulePackOrder) -> CarriedRulePack:
    if order.pack is None:
        return packs[-1]
    for pack in packs:
        if pack.name == order.pack:
            return pack
    raise UsageError(
        "manager.unknown-pack",
        f"The served generation has no rule pack {order.pack!r} for the manager",
        have=", ".join(pack.name for pack in packs),
    )


def _find(name: str, updates: Sequence[SecurityUpdate]) -> SecurityUpdate | None:
    found = [update for update in updates if update.name == name]
    if len(found) > 1:
        raise FetchError(
            "dsm.duplicate-name",
            f"The manager has two rule packs named {name}",
            todo="delete one of them in the manager's console, under Updates, Rules",
        )
    return found[0] if found else None


def _there(pack: CarriedRulePack, updates: Sequence[SecurityUpdate]) -> SecurityUpdate:
    update = _find(pack.name, updates)
    if update is None:
        raise FetchError("dsm.not-stored", f"The manager took {pack.name} and does not list it")
    return update


def _is_applied(update: SecurityUpdate, order: RulePackOrder) -> bool:
    return update.state == "APPLIED_CURRENT" and update.detect_only == order.detect_only


def _check_not_older(chosen: CarriedRulePack, updates: Sequence[SecurityUpdate]) -> None:
    """Refuse to go back by accident: an older pack is applied by its name."""
    current = next((update for update in updates if update.state == "APPLIED_CURRENT"), None)
    theirs = None if current is None else Release.of_file(current.name)
    if theirs is not None and chosen.release is not None and chosen.release < theirs:
        raise RollbackError(
            "manager.older",
            "The manager has applied a newer rule pack than our newest",
            have=f"{theirs} there, {chosen.release} here",
            todo=f"import a newer bundle, or go back on purpose: --pack {chosen.name}",
        )
