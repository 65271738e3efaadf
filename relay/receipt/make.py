"""Receipts of this site: made of one look at the state, in the transaction that takes their serial.

1. the site's key
2. one transaction: what the state says, and what of it is still in the store
3. the serial, durable before the receipt leaves: a crash burns a number and never gives one twice. It is the
   second of its making, or one more than the last where that is not later, so a relay that was brought back from
   an old backup still makes newer receipts than it ever did
4. ``out/receipt.json``
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from manifests.byte_ranges import Ranges
from manifests.disk import durable
from manifests.disk.blobs import Blob, BlobStore
from manifests.features import Connectivity, features_to_disable, load_catalogue, render_features
from manifests.receipt import (
    MAX_DIGESTS,
    MAX_RANGES,
    DamageCount,
    DamageKind,
    FeaturesState,
    Receipt,
    SignedReceipt,
    SourceAge,
    sign_receipt,
)
from manifests.receipt.document import MAX_GENERATIONS
from manifests.text import count_text
from relay.context import Context
from relay.receipt.site_key import open_site_key
from relay.rings.policy import DEFAULT_RING
from relay.state import Event, GenerationTarget, State
from relay.state.records import Detail
from relay.store.outstanding import ArrivedContent, find_arrived_content
from relay.store.verify import StoreReport

KIND = "receipt"
"""Kind of the event that a receipt is."""
FILE_NAME = "receipt.json"
"""The newest receipt, in ``out/``."""


@dataclass(frozen=True)
class ReceiptRemarks:
    """What the operator wants a receipt to say beyond the facts: the inside is named by nothing else."""

    name: str | None = None
    note: str | None = None


NO_REMARKS = ReceiptRemarks()


@dataclass(frozen=True)
class LostContent:
    """Digests of content that is not what it was, each with the generations that need it."""

    missing: Mapping[str, frozenset[int]]
    altered: Mapping[str, frozenset[int]]

    def needed_by(self, generations: Iterable[int]) -> set[str]:
        """Return the digests that some of these generations need."""
        some, lost = frozenset(generations), {**self.missing, **self.altered}
        return {digest for digest, needed_by in lost.items() if needed_by & some}


@dataclass(frozen=True)
class ArrivedSummary:
    """What a receipt says of generations of which a part has arrived; nothing by default."""

    generation: int | None = None
    holds: tuple[str, ...] = ()
    parts: tuple[tuple[str, Ranges], ...] = ()


def make_receipt(
    context: Context, *, remarks: ReceiptRemarks = NO_REMARKS, report: StoreReport | None = None
) -> SignedReceipt:
    """Make this site's next receipt and keep it as ``out/receipt.json``.

    Args:
        context: The relay's.
        remarks: Name and note.
        report: What :func:`relay.store.verify.verify_store` found; without it, presence and length of the content
            are looked at.

    Raises:
        ConfigurationError: ``sitekey.damaged``.
        MalformedError: ``receipt.schema`` or ``name.site``: a note or name that cannot be written.
        StorageError: The disk is full, read-only or failing.
        LockedError: ``lock.held``, ``lock.database``.
    """
    home, now = context.home, context.clock()
    # 1. the site's key: before the transaction, for it has a lock of its own
    public_key = (signer := open_site_key(home)).public_key
    with State(home.database) as state, state.transaction():
        # 2. one look at the state: facts of two instants would make a receipt of a site that never was
        versions = {role.role: role.version for role in state.trusted.list_roles()}
        newest = state.generations.find_generation(state.generations.find_newest_number())
        rings = {ring.name: ring.generation for ring in state.publications.list_rings()}
        lost = find_lost_content(home.store, state.generations.list_targets(), report)
        generations = claimable_generations([row.number for row in state.generations.list_generations()], lost)
        arrived = summarise_arrived(find_arrived_content(state, home.store), report)
        receipt = Receipt(
            site_keyid=public_key.keyid,
            site_public=public_key.keyval["public"],
            serial=choose_serial(state.receipts.load_last_serial(), now),
            created=now,
            publisher=None if newest is None else newest.publisher,
            root_version=versions["root"],
            root_sha256=hashlib.sha256(state.trusted.load_trusted().root).hexdigest(),
            timestamp_version=versions.get("timestamp", 0),
            snapshot_version=versions.get("snapshot", 0),
            rings=tuple(sorted((name, generation or 0) for name, generation in rings.items())),
            generations=generations,
            without=tuple(sorted(lost.needed_by(generations))),
            damage=count_damage(lost, report),
            free_bytes=durable.free_bytes(home.path) or 0,
            sources=_source_ages(state, rings[DEFAULT_RING]),
            connectivity=context.config.connectivity,
            features=describe_features(context.config.connectivity),
            pending_generation=arrived.generation,
            pending_holds=arrived.holds,
            pending_parts=arrived.parts,
            name=remarks.name,
            note=remarks.note,
        )
        # 3. the serial: in the same transaction, so that of two receipts the newer serial has the newer facts
        data = sign_receipt(receipt, signer)
        state.receipts.save_last_serial(receipt.serial)
        state.event_rows.add_event(_event(receipt, data, now))
    # 4. out/receipt.json
    durable.make_directory(home.out)
    durable.write_file(home.out / FILE_NAME, data)
    return SignedReceipt(receipt, data)


def choose_serial(last: int, now: datetime) -> int:
    """Return the serial of the receipt after one with the serial ``last``, 0 before the first."""
    return max(last + 1, int(now.timestamp()))


def find_lost_content(store: BlobStore, targets: Iterable[GenerationTarget], report: StoreReport | None) -> LostContent:
    """Look whether every blob is here with its length; add what a whole check found in their bytes."""
    looked_at: dict[Blob, bool] = {}
    missing: dict[str, set[int]] = {}
    altered: dict[str, set[int]] = {}
    with durable.storage_errors(store.root):
        for target in targets:
            blob = Blob(target.sha256, target.length)
            if blob not in looked_at:
                looked_at[blob] = store.has_blob(blob)
            if not looked_at[blob]:
                lost = altered if store.path(blob.sha256).exists() else missing
                lost.setdefault(blob.sha256, set()).add(target.generation)
    for damage in report.damage if report is not None else ():
        if damage.sha256 is not None and damage.sha256 not in missing:
            altered.setdefault(damage.sha256, set()).update(damage.generations)
    return LostContent(
        {digest: frozenset(needed_by) for digest, needed_by in missing.items()},
        {digest: frozenset(needed_by) for digest, needed_by in altered.items()},
    )


def claimable_generations(held: Sequence[int], lost: LostContent) -> tuple[int, ...]:
    """Return which of the generations that are held a receipt claims, ascending.

    The newest come first, for as long as what they lack can be listed: a site with more claims less than it has.

    Args:
        held: Numbers, ascending.
        lost: What of their content is lost.
    """
    chosen: set[int] = set()
    for generation in reversed(held[-MAX_GENERATIONS:]):
        if len(lost.needed_by({*chosen, generation})) <= MAX_DIGESTS:
            chosen.add(generation)
    return tuple(sorted(chosen))


def count_damage(lost: LostContent, report: StoreReport | None) -> tuple[DamageCount, ...]:
    """Return how many things are not what they were, by kind."""
    found = [damage.kind for damage in report.damage] if report is not None else []
    counts: dict[DamageKind, int] = {
        "altered": len(lost.altered),
        "database": found.count("database"),
        "manifest": found.count("manifest"),
        "missing": len(lost.missing),
    }
    return tuple(DamageCount(kind, count) for kind, count in counts.items() if count)


def summarise_arrived(arrived: ArrivedContent | None, report: StoreReport | None) -> ArrivedSummary:
    """Return what is said of generations of which a part has arrived; nothing that a check found damaged is claimed."""
    if arrived is None:
        return ArrivedSummary()
    damaged = {damage.sha256 for damage in report.damage} if report is not None else set()
    holds = tuple(sorted(arrived.holds - damaged)[:MAX_DIGESTS])
    return ArrivedSummary(arrived.generation, holds, limit_parts(arrived.parts))


def limit_parts(parts: Mapping[str, Ranges]) -> tuple[tuple[str, Ranges], ...]:
    """Return what is said of content in parts; where that is in more pieces than a receipt lists, less is claimed."""
    told, room = [], MAX_RANGES
    for digest, ranges in sorted(parts.items()):
        if room:
            told.append((digest, ranges[:room]))
            room -= len(told[-1][1])
    return tuple(told)


def describe_features(connectivity: Connectivity) -> FeaturesState:
    """Return digest and length of the feature list as it stands in ``out/features.json``."""
    features = features_to_disable(load_catalogue(), connectivity)
    sha256 = hashlib.sha256(render_features(features, "json").encode("utf-8")).hexdigest()
    return FeaturesState(sha256, len(features.items))


def _source_ages(state: State, served: int | None) -> tuple[SourceAge, ...]:
    """Return how old the sources are in the generation that is served."""
    if served is None:
        return ()
    return tuple(SourceAge(source.name, source.pulled_at) for source in state.generations.list_sources(served))


def _event(receipt: Receipt, data: bytes, now: datetime) -> Event:
    lost = f"{count_text(len(receipt.without), 'file')} missing or damaged"
    text = f"Receipt {receipt.serial}: generation {receipt.newest}, {lost}"
    details: dict[str, Detail] = {"serial": receipt.serial, "sha256": hashlib.sha256(data).hexdigest()}
    return Event(now, KIND, text, details)
