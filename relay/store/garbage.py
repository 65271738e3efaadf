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

from manifests.blobs import Blob
from manifests.durable import storage_errors
from manifests.progress import CancelToken, Progress
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


def collect_garbage(
    home: Home,
    keep: int,
    now: datetime,
    progress: Progress,
    cancel: CancelToken,
    *,
    wait_seconds: float,
    dry_run: bool = False,
) -> CollectedGarbage:
    """Forget old generations and remove content that nothing needs.

    Args:
        home: The relay's directory.
        keep: How many of the newest generations to keep.
        now: The system's time.
        progress: Told about each step.
        cancel: Asked before each directory and each file.
        wait_seconds: How long to wait for an import.
        dry_run: Only say what would go.

    Raises:
        LockedError: ``lock.held``: an import did not end in time.
        StorageError: The disk is read-only or failing; what is named by the state is still there.
        CancelledError: It was cancelled; what is named by the state is still there.
    """
    with home.lock(wait_seconds), State(home.database) as state:
        # 1. What goes is decided while no import can come to count on it.
        progress.start("Look for what nothing needs")
        old = _old_generations(state, keep)
        dropped, spared = ((), old) if _was_moved_lately(state, now) else (old, ())
        doomed = _unneeded_blobs(home, state, frozenset(dropped), cancel)
        left = tuple(_abandoned_files(home, state))
        sizes = sum(blob.length for blob in doomed) + sum(path.stat().st_size for path in left)
        if not dry_run:
            # 2. First nothing names the content any more, then it goes: the state never names what is not there.
            _forget(state, dropped, now)
            # 3.
            progress.start("Remove it")
            home.blobs.sweep()
            remove_repair_directories(home.blobs.temporary)
            home.blobs.remove_blobs(doomed, progress, cancel)
            _remove_files(home, left, cancel)
    return CollectedGarbage(dropped, spared, len(doomed) + len(left), sizes, applied=not dry_run)


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
    """Forget generations, and parts of files that no pending generation needs."""
    arriving = _arriving_digests(state)
    stale = [sha256 for sha256 in state.arriving.load_parts() if sha256 not in arriving]
    if not generations and not stale:
        return
    with state.transaction():
        for number in generations:
            state.generations.drop_generation(number)
        for sha256 in stale:
            state.arriving.save_parts(sha256, ())
        if generations:
            listed = ", ".join(map(str, generations))
            state.event_rows.add_event(Event(now, "gc", f"Generations that nobody needs are forgotten: {listed}"))


def _unneeded_blobs(home: Home, state: State, dropped: frozenset[int], cancel: CancelToken) -> tuple[Blob, ...]:
    """Return the blobs of the store that nothing needs without these generations."""
    arriving = _arriving_digests(state)
    kept = (target for target in state.generations.list_targets() if target.generation not in dropped)
    needed = arriving | {target.sha256 for target in kept}
    for ring in state.publications.list_rings():
        needed |= {blob.sha256 for _, blob, _ in state.publications.list_files(ring.name)}
    return tuple(blob for blob in home.blobs.list_blobs(cancel) if blob.sha256 not in needed)


def _abandoned_files(home: Home, state: State) -> Iterator[Path]:
    """Yield the files of the temporary directory in which nothing is put together any longer."""
    begun = _arriving_digests(state) & state.arriving.load_parts().keys()
    assembled = (sha256 for sha256 in begun if not home.blobs.path(sha256).exists())
    yield from abandoned_files(home.blobs, assembled)


def _arriving_digests(state: State) -> set[str]:
    return {
        target.sha256
        for generation in state.arriving.list_generations()
        for target in state.arriving.list_targets(generation.number)
    }
