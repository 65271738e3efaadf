"""Retention: generations that nobody needs any more are forgotten, and content that nothing needs is removed.

Kept are the newest generations, as many as the configuration says and never fewer than the two whose TUF targets
are served; what a ring serves; and whatever has arrived of generations that are not whole yet.

1. under the home's lock, so that no import counts on what goes: names alone decide, nothing is hashed
2. the state forgets, durably
3. content goes; a power cut between the two leaves content that nothing names, which the next run removes
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from manifests.disk.blobs import is_blob_name
from manifests.disk.durable import storage_errors
from manifests.progress import CancelToken
from relay.context import Context
from relay.home import Home
from relay.state import Event, State
from relay.store.parts import abandoned_files
from relay.store.temporary import remove_repair_directories

GRACE = timedelta(minutes=10)
"""For downloads under way: what was served this long ago may still be asked for."""
SERVED = 2
"""Newest generations whose TUF targets are served."""


@dataclass(frozen=True)
class CollectedGarbage:
    """What was removed, or would be. ``spared`` are generations that go later: they were served until just now."""

    generations: tuple[int, ...]
    spared: tuple[int, ...]
    blobs: int
    bytes: int
    applied: bool


@dataclass(frozen=True)
class _NeededContent:
    """Digests of the blobs that are needed, and of those of them that come together of parts."""

    blobs: frozenset[str]
    assembled: frozenset[str]


def collect_garbage(
    context: Context, *, keep: int | None = None, wait_seconds: float, dry_run: bool = False
) -> CollectedGarbage:
    """Forget old generations and remove content that nothing needs.

    Args:
        context: The relay's.
        keep: How many of the newest generations to keep; what the configuration says by default.
        wait_seconds: How long to wait for an import.
        dry_run: Only say what would go.

    Raises:
        LockedError: ``lock.held``: an import did not end in time.
        StorageError: The disk is read-only or failing; what is named by the state is still there.
        CancelledError: It was cancelled; what is named by the state is still there.
    """
    home, now, progress = context.home, context.clock(), context.progress
    with home.lock(wait_seconds), State(home.database) as state:
        progress.start("Look for what nothing needs")
        # 1. in one look at the state, for a ring may be moved meanwhile: that takes no lock of the home's
        with state.snapshot() if dry_run else state.transaction():
            old = _old_generations(state, keep or context.config.keep_generations)
            dropped, spared = ((), old) if _was_moved_lately(state, now) else (old, ())
            needed = _needed_content(home, state, frozenset(dropped))
            if not dry_run:
                # 2. first nothing names the content any more: the state never names what is not there
                _forget(state, dropped, now)
        # 3. then the content goes
        doomed = tuple(_unneeded_files(home, needed, context.cancel))
        sizes = sum(path.stat().st_size for path in doomed)
        if not dry_run:
            progress.start("Remove it")
            home.store.sweep()
            remove_repair_directories(home.store.temporary)
            _remove_files(home, doomed, context.cancel)
    return CollectedGarbage(dropped, spared, len(doomed), sizes, applied=not dry_run)


def _was_moved_lately(state: State, now: datetime) -> bool:
    """Tell whether a ring was moved so lately that downloads of what it served before may be under way."""
    moved = (ring.activated_at for ring in state.publications.list_rings())
    return any(at is not None and timedelta(0) <= now - at < GRACE for at in moved)


def _remove_files(home: Home, files: tuple[Path, ...], cancel: CancelToken) -> None:
    with storage_errors(home.path):
        for path in files:
            cancel.raise_if_cancelled()
            path.unlink(missing_ok=True)


def _old_generations(state: State, keep: int) -> tuple[int, ...]:
    numbers = [generation.number for generation in state.generations.list_generations()]
    kept = set(numbers[-max(keep, SERVED) :]) | {ring.generation for ring in state.publications.list_rings()}
    return tuple(number for number in numbers if number not in kept)


def _forget(state: State, generations: tuple[int, ...], now: datetime) -> None:
    """Forget generations, and parts of files that no arriving generation needs. Inside a transaction."""
    arriving = _arriving_digests(state)
    for number in generations:
        state.generations.drop_generation(number)
    for sha256 in state.arriving.load_parts():
        if sha256 not in arriving:
            state.arriving.save_parts(sha256, ())
    if generations:
        listed = ", ".join(map(str, generations))
        state.event_rows.add_event(Event(now, "gc", f"Generations that nobody needs are forgotten: {listed}"))


def _needed_content(home: Home, state: State, dropped: frozenset[int]) -> _NeededContent:
    """Return what is needed without these generations."""
    arriving = _arriving_digests(state)
    kept = (target for target in state.generations.list_targets() if target.generation not in dropped)
    blobs = arriving | {target.sha256 for target in kept}
    for ring in state.publications.list_rings():
        blobs |= {blob.sha256 for _, blob, _ in state.publications.list_files(ring.name)}
    parts = arriving & state.arriving.load_parts().keys()
    return _NeededContent(
        frozenset(blobs), frozenset(sha256 for sha256 in parts if not home.store.path(sha256).exists())
    )


def _unneeded_files(home: Home, needed: _NeededContent, cancel: CancelToken) -> Iterator[Path]:
    """Yield the files of the store and of the temporary directory that are not needed."""
    with storage_errors(home.store.root):
        for directory in sorted(home.store.root.iterdir()):
            cancel.raise_if_cancelled()
            entries = sorted(directory.iterdir()) if directory.is_dir() else ()
            yield from (path for path in entries if is_blob_name(path.name) and path.name not in needed.blobs)
    yield from abandoned_files(home.store, needed.assembled)


def _arriving_digests(state: State) -> set[str]:
    return {
        target.sha256
        for generation in state.arriving.list_generations()
        for target in state.arriving.list_targets(generation.number)
    }
