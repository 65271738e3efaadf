"""Is everything still here? Every blob hashed again, the database asked about itself.

Hashing takes minutes, so it runs beside imports and takes no lock; only discarding what was found takes one. What
an import brought meanwhile is told from what was looked at by its inode, and stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from manifests.disk.blobs import Blob
from manifests.disk.durable import storage_errors, sync_filesystem
from manifests.errors import StorageError
from manifests.progress import CancelToken, Progress
from manifests.text import count_text
from relay.home import Home
from relay.state import GenerationTarget, State

FileIdentity = tuple[int, int, int]
"""Inode, length and time of change in nanoseconds: what differs when another file has the name."""


@dataclass(frozen=True)
class StoreDamage:
    """One thing of the store or the database that is not what it was.

    Args:
        kind: ``blob``, ``manifest`` or ``database``.
        what: What is wrong with it, for people.
        sha256: Of a blob, its digest.
        paths: Targets that need it, ascending.
        generations: Generations that need it, ascending.
        file: Of a blob that is there, the file that was looked at.
    """

    kind: str
    what: str
    sha256: str | None = None
    paths: tuple[str, ...] = ()
    generations: tuple[int, ...] = ()
    file: FileIdentity | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the damage as one JSON object."""
        return {
            "kind": self.kind,
            "what": self.what,
            "sha256": self.sha256,
            "paths": self.paths,
            "generations": self.generations,
        }


@dataclass(frozen=True)
class StoreReport:
    """What a verification of the store looked at and found. ``served`` are the generations of the rings, ascending."""

    served: tuple[int, ...]
    blobs: int
    bytes_read: int
    damage: tuple[StoreDamage, ...]

    @property
    def remedy(self) -> tuple[str, ...]:
        """How to get back what is damaged, step by step."""
        steps: list[str] = []
        if any(damage.sha256 is not None for damage in self.damage):
            steps += ["relay check --discard", *self._ways_to_bring_content()]
        if any(damage.sha256 is None for damage in self.damage):
            steps.append("for the database: relay --home NEW init --root root.json, then import a full bundle there")
        return tuple(steps)

    def _ways_to_bring_content(self) -> tuple[str, ...]:
        served = max(self.served, default=0)
        hurt = {number for damage in self.damage for number in damage.generations}
        if hurt_and_served := sorted(hurt.intersection(self.served)):
            return (
                f"relay import the bundle of generation {hurt_and_served[-1]} again if it was a full one",
                "or, in the DMZ, bundle create --full, and import that",
            )
        if hurt and max(hurt) > served:  # it is to be served yet
            return (
                f"relay import the bundles of generation {max(hurt)} again",
                "or relay receipt, and with it in the DMZ: bundle create --since RECEIPT",
            )
        return (f"nothing more: generation {served}, which is served, needs none of it",)


def verify_store(home: Home, progress: Progress, cancel: CancelToken) -> StoreReport:
    """Hash every blob of the store again and check the database.

    Args:
        home: The relay's directory.
        progress: Told how far it is.
        cancel: Asked before each blob.

    Raises:
        StorageError: The database cannot be read at all.
        CancelledError: It was cancelled; nothing changed.
    """
    with State(home.database) as state:
        damage = [StoreDamage("database", text) for text in state.list_damage()]
        damage += _damaged_manifests(state)
        rings = state.publications.list_rings()
        served = sorted({ring.generation for ring in rings if ring.generation is not None})
        needed = _needed_blobs(home, state)
    total = sum(blob.length for blob in needed)
    progress.start("Hash the store", total)
    for blob, (paths, generations) in sorted(needed.items(), key=lambda item: item[0].sha256):
        cancel.raise_if_cancelled()
        file = _identity(home.store.path(blob.sha256))
        what = _what_is_wrong(home, blob)
        if what is not None:
            damage.append(
                StoreDamage("blob", what, blob.sha256, tuple(sorted(paths)), tuple(sorted(generations)), file)
            )
        progress.advance(blob.length)
    return StoreReport(tuple(served), len(needed), total, tuple(damage))


def discard_damaged_blobs(home: Home, report: StoreReport, *, wait_seconds: float) -> None:
    """Remove the damaged blobs that a report names, so that an import brings them again.

    Raises:
        LockedError: ``lock.held``.
        StorageError: The disk is read-only or failing.
    """
    with home.lock(wait_seconds), storage_errors(home.path):
        for damage in report.damage:
            if damage.sha256 is not None:
                path = home.store.path(damage.sha256)
                # An import may have brought it since: a blob that came after the hashing is no damaged one.
                if damage.file is not None and _identity(path) == damage.file:
                    path.unlink()
        sync_filesystem(home.path)


def _needed_blobs(home: Home, state: State) -> dict[Blob, tuple[set[str], set[int]]]:
    """Return the blobs of generations that are held, and what is here of others, with the targets they are for."""
    needed: dict[Blob, tuple[set[str], set[int]]] = {}
    for target in chain(state.generations.list_targets(), _arrived_targets(home, state)):
        paths, generations = needed.setdefault(Blob(target.sha256, target.length), (set(), set()))
        paths.add(target.path)
        generations.add(target.generation)
    return needed


def _arrived_targets(home: Home, state: State) -> Iterator[GenerationTarget]:
    for pending in state.arriving.list_generations():
        for target in state.arriving.list_targets(pending.number):
            if home.store.path(target.sha256).exists():
                yield target


def _what_is_wrong(home: Home, blob: Blob) -> str | None:
    """Hash a blob again; return what is wrong with it for people, ``None`` when all is well."""
    if not home.store.path(blob.sha256).exists():
        return "missing"
    try:
        found = home.store.digest(blob.sha256)
    except StorageError as error:
        return error.what
    if found != blob:
        return f"{count_text(found.length, 'byte')} with sha256 {found.sha256}, instead of {blob.length:,}"
    return None


def _identity(path: Path) -> FileIdentity | None:
    try:
        status = path.stat()
    except OSError:  # gone, or unreadable: the hashing says so
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _damaged_manifests(state: State) -> list[StoreDamage]:
    return [
        StoreDamage("manifest", f"The manifest of generation {row.number} is not the one that was signed")
        for row in state.generations.list_generations()
        if hashlib.sha256(state.generations.load_manifest(row.number)).hexdigest() != row.manifest_sha256
    ]
