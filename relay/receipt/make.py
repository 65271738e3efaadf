"""What this site has, as a receipt for the publisher: read in one transaction, which also takes the serial.

The serial is durable before the receipt leaves: a crash burns a number and
never gives one twice. It is the second of its making, or one more than the last where that is not later, so a
relay that was brought back from an old backup still makes newer receipts than it ever did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from manifests import durable
from manifests.blobs import Blob
from manifests.byte_ranges import Ranges
from manifests.features import features_to_disable, load_catalogue, render_features
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
from relay.config import Config
from relay.home import Home
from relay.receipt.site_key import open_key
from relay.rings.policy import DEFAULT_RING
from relay.state import Event, State
from relay.state.records import Detail
from relay.store.outstanding import Arrived as Pending
from relay.store.outstanding import arrived
from relay.store.verify import StoreReport

KIND = "receipt"
"""Kind of the event that a receipt is."""
FILE_NAME = "receipt.json"
"""The newest receipt, in ``out/``."""


@dataclass(frozen=True)
class Said:
    """What the operator wants said beyond the facts: the inside is named by nothing else."""

    name: str | None = None
    note: str | None = None


NOTHING_SAID = Said()


@dataclass(frozen=True)
class _Losses:
    """Digests that are not what they were, each with the generations that need it."""

    missing: dict[str, set[int]]
    altered: dict[str, set[int]]

    def within(self, generations: set[int]) -> set[str]:
        """Return the digests that some of these generations need."""
        everything = {**self.missing, **self.altered}
        return {digest for digest, needed_by in everything.items() if needed_by & generations}


def make(
    home: Home,
    config: Config,
    now: datetime,
    *,
    said: Said = NOTHING_SAID,
    report: StoreReport | None = None,
    pending: Pending | None = None,
) -> SignedReceipt:
    """Make this site's next receipt and keep it as ``out/receipt.json``.

    Args:
        home: The relay's directory.
        config: Its configuration.
        now: The system's time.
        said: Name and note.
        report: What :func:`relay.store.verify.verify_store` found; without it, presence and length of the content
            are looked at.
        pending: What has arrived of a generation that is not whole; by default what the state says.

    Raises:
        ConfigurationError: ``sitekey.damaged``.
        MalformedError: ``receipt.schema`` or ``name.site``: a note or name that cannot be written.
        StorageError: The disk is full, read-only or failing.
        LockedError: ``lock.held``, ``lock.database``.
    """
    signer = open_key(home)
    with State(home.database) as state, state.transaction():
        receipt = replace(
            _describe(home, config, state, report),
            site_keyid=signer.public_key.keyid,
            site_public=signer.public_key.keyval["public"],
            serial=_next_serial(state, now),
            created=now,
            name=said.name,
            note=said.note,
        )
        part = pending or arrived(state, home.blobs)
        if part is not None:
            damaged = {damage.sha256 for damage in report.damage} if report is not None else set()
            holds = tuple(sorted(part.holds - damaged)[:MAX_DIGESTS])
            receipt = replace(
                receipt, pending_generation=part.generation, pending_holds=holds, pending_parts=_told(part.parts)
            )
        data = sign_receipt(receipt, signer)
        text = (
            f"Receipt {receipt.serial}: generation {receipt.newest}, {len(receipt.without):,} blobs missing or damaged"
        )
        details: dict[str, Detail] = {"serial": receipt.serial, "sha256": hashlib.sha256(data).hexdigest()}
        state.receipts.save_last_serial(receipt.serial)
        state.event_rows.add_event(Event(now, KIND, text, details))
    durable.make_directory(home.out)
    durable.write_file(home.out / FILE_NAME, data)
    return SignedReceipt(receipt, data)


def _told(parts: Mapping[str, Ranges]) -> tuple[tuple[str, Ranges], ...]:
    """Return what is said of content in parts; where that is in more pieces than a receipt lists, less is claimed."""
    told, room = [], MAX_RANGES
    for digest, ranges in sorted(parts.items()):
        if room:
            told.append((digest, ranges[:room]))
            room -= len(told[-1][1])
    return tuple(told)


def _next_serial(state: State, now: datetime) -> int:
    return max(state.receipts.load_last_serial() + 1, int(now.timestamp()))


def _describe(home: Home, config: Config, state: State, report: StoreReport | None) -> Receipt:
    """Return the facts; whose they are and when is filled in by the caller."""
    versions = {role.role: role.version for role in state.trusted.list_roles()}
    newest = state.generations.find_generation(state.generations.find_newest_number())
    losses = _losses(home, state, report)
    generations = _held(state, losses)
    return Receipt(
        site_keyid="",
        site_public="",
        serial=0,
        created=datetime.fromtimestamp(0, UTC),
        publisher=None if newest is None else newest.publisher,
        root_version=versions["root"],
        root_sha256=hashlib.sha256(state.trusted.load_trusted().root).hexdigest(),
        timestamp_version=versions.get("timestamp", 0),
        snapshot_version=versions.get("snapshot", 0),
        rings=tuple(sorted((ring.name, ring.generation or 0) for ring in state.publications.list_rings())),
        generations=generations,
        without=tuple(sorted(losses.within(set(generations)))),
        damage=_damage(losses, report),
        free_bytes=durable.free_bytes(home.path) or 0,
        sources=_sources(state),
        connectivity=config.connectivity,
        features=_features(config),
    )


def _losses(home: Home, state: State, report: StoreReport | None) -> _Losses:
    """Look whether every blob is here with its length; add what a whole check found in their bytes."""
    looked_at: dict[Blob, bool] = {}
    missing: dict[str, set[int]] = {}
    altered: dict[str, set[int]] = {}
    with durable.storage_errors(home.blobs.root):
        for target in state.generations.list_targets():
            blob = Blob(target.sha256, target.length)
            if blob not in looked_at:
                looked_at[blob] = home.blobs.holds(blob)
            if not looked_at[blob]:
                lost = altered if home.blobs.path(blob.sha256).exists() else missing
                lost.setdefault(blob.sha256, set()).add(target.generation)
    for damage in report.damage if report is not None else ():
        if damage.sha256 is not None and damage.sha256 not in missing:
            altered.setdefault(damage.sha256, set()).update(damage.generations)
    return _Losses(missing, altered)


def _held(state: State, losses: _Losses) -> tuple[int, ...]:
    """Return the generations to say are held, newest first while what they lack can be listed; ascending."""
    chosen: set[int] = set()
    for generation in reversed(state.generations.list_generations()[-MAX_GENERATIONS:]):
        if len(losses.within({*chosen, generation.number})) <= MAX_DIGESTS:
            chosen.add(generation.number)
    return tuple(sorted(chosen))


def _damage(losses: _Losses, report: StoreReport | None) -> tuple[DamageCount, ...]:
    found = [damage.kind for damage in report.damage] if report is not None else []
    counts: dict[DamageKind, int] = {
        "altered": len(losses.altered),
        "database": found.count("database"),
        "manifest": found.count("manifest"),
        "missing": len(losses.missing),
    }
    return tuple(DamageCount(kind, count) for kind, count in counts.items() if count)


def _sources(state: State) -> tuple[SourceAge, ...]:
    """Return how old the sources are in what the default ring serves."""
    served = next((ring.generation for ring in state.publications.list_rings() if ring.name == DEFAULT_RING), None)
    if served is None:
        return ()
    return tuple(SourceAge(source.name, source.pulled_at) for source in state.generations.list_sources(served))


def _features(config: Config) -> FeaturesState:
    """Return digest and length of the list as it stands in ``out/features.json``."""
    features = features_to_disable(load_catalogue(), config.connectivity)
    return FeaturesState(
        hashlib.sha256(render_features(features, "json").encode("utf-8")).hexdigest(), len(features.items)
    )
