"""Retention: generations that nobody needs any more are forgotten, and content that nothing needs is removed.

Kept are the newest generations, as many as the configuration says and never fewer than the two whose TUF targets
are served; what a ring serves; and whatever has arrived of generations that are not whole yet.

The state forgets first, durably; content goes after. A power cut between the two leaves content that nothing
names, which the next run removes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from manifests.durable import storage_errors
from manifests.progress import Progress
from relay.home import Home
from relay.importing import recovery as repair
from relay.state import Event, State
from relay.store.parts import left_over

GRACE = timedelta(minutes=10)
"""For downloads under way: what was served this long ago may still be asked for."""
SERVED = 2
"""Newest generations whose TUF targets are served."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be. ``spared`` are generations that go later: they were served until just now."""

    generations: tuple[int, ...]
    spared: tuple[int, ...]
    blobs: int
    bytes: int
    applied: bool


def collect(
    home: Home, keep: int, now: datetime, progress: Progress, *, wait_seconds: float, dry_run: bool = False
) -> Collected:
    """Forget old generations and remove content that nothing needs.

    Args:
        home: The relay's directory.
        keep: How many of the newest generations to keep.
        now: The system's time.
        progress: Told about each step.
        wait_seconds: How long to wait for an import.
        dry_run: Only say what would go.

    Raises:
        LockedError: ``lock.held``: an import did not end in time.
        StorageError: The disk is read-only or failing; what is named by the state is still there.
    """
    with home.lock(wait_seconds), State(home.database) as state:
        progress.start("Look for what nothing needs")
        old = _old(state, keep)
        served_lately = any(
            ring.activated_at is not None and timedelta(0) <= now - ring.activated_at < GRACE for ring in state.rings()
        )
        dropped, spared = ((), old) if served_lately else (old, ())
        doomed = tuple(_unneeded(home, state, frozenset(dropped)))
        sizes = sum(path.stat().st_size for path in doomed)
        if not dry_run:
            _forget(state, dropped, now)
            progress.start("Remove it")
            home.blobs.sweep()
            repair.sweep(home.blobs.temporary)
            with storage_errors(home.path):
                for path in doomed:
                    path.unlink(missing_ok=True)
    return Collected(dropped, spared, len(doomed), sizes, applied=not dry_run)


def _old(state: State, keep: int) -> tuple[int, ...]:
    numbers = [generation.number for generation in state.generations()]
    kept = set(numbers[-max(keep, SERVED) :]) | {ring.generation for ring in state.rings()}
    return tuple(number for number in numbers if number not in kept)


def _forget(state: State, generations: tuple[int, ...], now: datetime) -> None:
    """Forget generations, and parts of files that no pending generation needs."""
    wanted = _arriving(state)
    stale = [sha256 for sha256 in state.pending.parts() if sha256 not in wanted]
    if not generations and not stale:
        return
    with state.transaction():
        for number in generations:
            state.drop_generation(number)
        for sha256 in stale:
            state.pending.save_parts(sha256, ())
        if generations:
            listed = ", ".join(map(str, generations))
            state.record(Event(now, "gc", f"Generations that nobody needs are forgotten: {listed}"))


def _unneeded(home: Home, state: State, dropped: frozenset[int]) -> Iterator[Path]:
    """Yield the files of the store and of the temporary directory that nothing needs without these generations."""
    arriving = _arriving(state)
    needed = {target.sha256 for target in state.targets() if target.generation not in dropped} | arriving
    for ring in state.rings():
        needed |= {blob.sha256 for _, blob, _ in state.publications(ring.name)}
    with storage_errors(home.blobs.root):
        for directory in sorted(home.blobs.root.iterdir()):
            entries = sorted(directory.iterdir()) if directory.is_dir() else ()
            yield from (path for path in entries if _DIGEST.fullmatch(path.name) and path.name not in needed)
    parts = state.pending.parts().keys()
    yield from left_over(home.blobs, (sha256 for sha256 in arriving if sha256 in parts and not _is_here(home, sha256)))


def _arriving(state: State) -> set[str]:
    return {
        target.sha256
        for generation in state.pending.generations()
        for target in state.pending.targets(generation.number)
    }


def _is_here(home: Home, sha256: str) -> bool:
    return home.blobs.path(sha256).exists()
