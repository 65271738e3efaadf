"""Is everything still here? Every blob hashed again, the database asked about itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from manifests.blobs import Blob
from manifests.durable import storage_errors, sync_filesystem
from manifests.errors import StorageError
from manifests.progress import Progress
from relay.home import Home
from relay.state import GenerationTarget, State


@dataclass(frozen=True)
class Damage:
    """One thing that is not what it was. ``generations`` ascending; ``paths`` are targets that need it."""

    kind: str
    what: str
    sha256: str | None = None
    paths: tuple[str, ...] = ()
    generations: tuple[int, ...] = ()


@dataclass(frozen=True)
class Report:
    """What was looked at and what was found. ``newest`` is the generation that is served, of those that are whole."""

    newest: int
    blobs: int
    bytes_read: int
    damage: tuple[Damage, ...]

    @property
    def remedy(self) -> tuple[str, ...]:
        """How to get back what is damaged, step by step."""
        steps: list[str] = []
        if any(damage.sha256 is not None for damage in self.damage):
            steps.append("relay check --discard")
            if any(self.newest in damage.generations for damage in self.damage):
                steps.append(f"relay import the bundle of generation {self.newest} again if it was a full one")
                steps.append("or, in the DMZ, bundle create --full, and import that")
            elif pending := sorted({n for damage in self.damage for n in damage.generations if n > self.newest}):
                steps.append(f"relay import the bundles of generation {pending[-1]} again")
                steps.append("or relay receipt, and with it in the DMZ: bundle create --since RECEIPT")
            else:
                steps.append(f"nothing more: generation {self.newest}, which is served, needs none of it")
        if any(damage.sha256 is None for damage in self.damage):
            steps.append("for the database: relay --home NEW init --root root.json, then import a full bundle there")
        return tuple(steps)


def check(home: Home, progress: Progress) -> Report:
    """Hash the store again and check the database.

    Args:
        home: The relay's directory.
        progress: Told how far it is.

    Raises:
        StorageError: The database cannot be read at all.
    """
    with State(home.database) as state:
        damage = [Damage("database", text) for text in state.damage()]
        damage += _check_manifests(state)
        newest = state.newest_generation()
        wanted = _wanted(home, state)
    progress.start("Hash the store", sum(blob.length for blob in wanted))
    for blob, (paths, generations) in sorted(wanted.items(), key=lambda item: item[0].sha256):
        what = _examine(home, blob)
        if what is not None:
            damage.append(Damage("blob", what, blob.sha256, tuple(sorted(paths)), tuple(sorted(generations))))
        progress.advance(blob.length)
    return Report(newest, len(wanted), sum(blob.length for blob in wanted), tuple(damage))


def discard(home: Home, report: Report, *, wait_seconds: float) -> None:
    """Remove the damaged blobs, so that an import brings them again.

    Raises:
        LockedError: ``lock.held``.
        StorageError: The disk is read-only or failing.
    """
    with home.lock(wait_seconds), storage_errors(home.path):
        for damage in report.damage:
            if damage.sha256 is not None:
                home.blobs.path(damage.sha256).unlink(missing_ok=True)
        sync_filesystem(home.path)


def _wanted(home: Home, state: State) -> dict[Blob, tuple[set[str], set[int]]]:
    """Return what must be here for generations that are whole, and what has come of others."""
    wanted: dict[Blob, tuple[set[str], set[int]]] = {}
    for target in chain(state.targets(), _arrived(home, state)):
        paths, generations = wanted.setdefault(Blob(target.sha256, target.length), (set(), set()))
        paths.add(target.path)
        generations.add(target.generation)
    return wanted


def _arrived(home: Home, state: State) -> Iterator[GenerationTarget]:
    for pending in state.pending.generations():
        for target in state.pending.targets(pending.number):
            if home.blobs.path(target.sha256).exists():
                yield target


def _examine(home: Home, blob: Blob) -> str | None:
    path: Path = home.blobs.path(blob.sha256)
    if not path.exists():
        return "missing"
    try:
        found = home.blobs.digest(blob.sha256)
    except StorageError as error:
        return error.what
    if found != blob:
        return f"{found.length:,} bytes with sha256 {found.sha256}, instead of {blob.length:,}"
    return None


def _check_manifests(state: State) -> list[Damage]:
    return [
        Damage("manifest", f"The manifest of generation {row.number} is not the one that was signed")
        for row in state.generations()
        if hashlib.sha256(state.manifest(row.number)).hexdigest() != row.manifest_sha256
    ]
