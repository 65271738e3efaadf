"""Verify or import mutated bundles in worker processes and tell which were not refused, or left more than it may."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from pathlib import Path

from manifests.bundle.verify import verify_bundle
from manifests.errors import NotAuthenticError, SealiftError
from manifests.trust import TrustedState
from relay.home import Home
from relay.state import State
from tests.support.relay_bundles import clock_at
from tests.support.relay_homes import fingerprint, import_bundle
from tests.support.standing import Standing

REFUSED_WITH = {20, 21, 22, 23, 24}
Mutation = tuple[int, int, bytes]
"""Offset, how many bytes to take out there, what to put in."""


@dataclass(frozen=True)
class Trial:
    """A home that holds generation 1, and the good bundle that each mutation starts from."""

    home: Path
    bundle: bytes
    now: datetime
    all_or_nothing: bool = True


def bit_flips(data: bytes) -> Iterable[Mutation]:
    """Yield every single-bit flip."""
    for offset, byte in enumerate(data):
        for bit in range(8):
            yield offset, 1, bytes([byte ^ (1 << bit)])


def random_mutations(data: bytes, count: int, seed: int) -> Iterable[Mutation]:
    """Yield flips, overwrites, insertions, deletions, truncations and moved blocks; each changes something."""
    dice = random.Random(seed)
    made = 0
    while made < count:
        offset = dice.randrange(len(data))
        taken = dice.choice((0, 1, 1, dice.randrange(1, 64), dice.randrange(1, 4096), len(data)))
        source = dice.randrange(len(data))
        put = dice.choice((b"", dice.randbytes(1), dice.randbytes(dice.randrange(1, 64)), data[source : source + 512]))
        if data[offset : offset + taken] != put:
            made += 1
            yield offset, taken, put


def not_refused(trial: Trial, mutations: Iterable[Mutation]) -> tuple[int, list[str]]:
    """Import every mutation.

    Returns:
        How many were tried, and a line for each that was accepted, failed otherwise, or left more than it may.
    """
    return _shared_out(_import_all, trial, mutations)


def believed(trial: Trial, mutations: Iterable[Mutation]) -> tuple[int, list[str]]:
    """Let the verifier read every mutation to its last byte, as an import does before anything is visible.

    Returns:
        How many were tried, and a line for each that was believed, or failed otherwise.
    """
    return _shared_out(_verify_all, trial, mutations)


def _shared_out(
    work: Callable[[Trial, Sequence[Mutation]], list[str]], trial: Trial, mutations: Iterable[Mutation]
) -> tuple[int, list[str]]:
    batches = _batches(list(mutations), 500)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(work, repeat(trial), batches))
    return sum(map(len, batches)), [line for lines in results for line in lines]


def _batches(mutations: Sequence[Mutation], size: int) -> list[Sequence[Mutation]]:
    return [mutations[start : start + size] for start in range(0, len(mutations), size)]


def _verify_all(trial: Trial, mutations: Sequence[Mutation]) -> list[str]:
    with State(Home(trial.home).database) as state:
        trusted = state.trusted.load_trusted()
    found = []
    for offset, taken, put in mutations:
        try:
            _read_whole(trial.bundle[:offset] + put + trial.bundle[offset + taken :], trusted, trial.now)
            complaint = "believed"
        except SealiftError as error:
            if error.exit_code in REFUSED_WITH:
                continue
            complaint = error.code
        found.append(f"{offset} -{taken} +{put[:8].hex()}: {complaint}")
    return found


def _read_whole(data: bytes, trusted: TrustedState, now: datetime) -> None:
    bundle = verify_bundle(io.BytesIO(data), trusted, now)
    for blob in bundle.manifest.blobs:
        if hashlib.sha256(b"".join(bundle.content(blob))).hexdigest() != blob.sha256:
            raise NotAuthenticError("blob.digest", blob.name)


def _import_all(trial: Trial, mutations: Sequence[Mutation]) -> list[str]:
    shared_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared_memory) as directory:
        home = Home(Path(directory) / "home")
        shutil.copytree(trial.home, home.path)
        path = Path(directory) / "bundle.zip"
        before, standing, watch = fingerprint(home), Standing(home), _Watch(home)
        found = []
        for offset, taken, put in mutations:
            path.write_bytes(trial.bundle[:offset] + put + trial.bundle[offset + taken :])
            complaint = _try(home, path, trial, standing, watch)
            if complaint is not None:
                found.append(f"{offset} -{taken} +{put[:8].hex()}: {complaint}")
        if fingerprint(home) != before:
            found.append("the store's content changed")
        return found


def _try(home: Home, path: Path, trial: Trial, standing: Standing, watch: _Watch) -> str | None:
    """Import one mutation into a relay that stands as at first; return what is wrong with the outcome."""
    try:
        result = import_bundle(home, path, clock_at(trial.now), all_or_nothing=trial.all_or_nothing)
    except SealiftError as error:
        if error.exit_code not in REFUSED_WITH:
            return error.code
        if watch.unchanged():
            return None
        if trial.all_or_nothing:
            return f"{error.code}, and it left a trace"
        complaint = standing.complaint(error)
        standing.restore()
        watch.look()
        return complaint
    return result.outcome


class _Watch:
    """Tells cheaply whether a home changed: the database's bytes, and when the store last gained or lost a name."""

    def __init__(self, home: Home) -> None:
        self._directories = [str(path) for path in home.store.root.iterdir()]
        self._database = home.database
        self.look()

    def look(self) -> None:
        """Take the home as it is now."""
        self._before = self._look()

    def unchanged(self) -> bool:
        return self._look() == self._before

    def _look(self) -> tuple[object, ...]:
        return (self._database.read_bytes(), *(os.stat(path).st_mtime_ns for path in self._directories))
