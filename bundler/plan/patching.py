"""Which targets travel as patches, and against what: the best base among all that every reader has.

A patch is taken only where it is clearly smaller than the whole content as the bundle would carry it.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import itemgetter
from pathlib import Path

from backports import zstd

from bundler.plan.patch_engines import QUICK, SMALLEST_BASE_BYTES, make_patch, smallest_frame, window_starts
from bundler.plan.patch_streams import may_have_streams
from manifests.container import deflate_content
from manifests.disk.blobs import CHUNK_BYTES, Blob, BlobStore
from manifests.disk.durable import storage_errors
from manifests.limits import MIB
from manifests.manifest import Target
from manifests.patches import Engine
from manifests.patches.deflate import MAX_FOLDED_BYTES
from manifests.patches.prefix import PREFIX_BYTES

MIN_TARGET_BYTES = 8 * 1024
"""Smaller targets travel whole."""

ENTRY_BYTES = 256
"""What a patch costs beside its own bytes, in the manifest."""

MAX_SHARE = 0.9
"""A patch must be below this share of the whole as it would be carried: it costs the reader a base and time."""

MAX_CANDIDATES = 5
MEMORY_BYTES = 2048 * MIB
"""What making patches may take of memory unless told otherwise: enough for HDiffPatch on some 250 MB."""

_MAX_SIZE_RATIO = 8
_NEIGHBOURS = 32
_SAMPLES = 3
_SAMPLE_BYTES = 512 * 1024
_ESTIMATE_FROM_BYTES = 16 * MIB
_NUMBERS = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{7,}|[0-9]+")


@dataclass(frozen=True)
class BestPatch:
    """A patch that is smaller than the whole, and was applied once to see that it is right.

    ``path`` is a file of its own in the directory given to :func:`best_patch`; ``patch`` is that file's digest.
    """

    engine: Engine
    base: Blob
    target: Blob
    patch: Blob
    path: Path

    def content(self) -> Iterator[bytes]:
        """Yield the patch's bytes."""
        with storage_errors(self.path), self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def discard(self) -> None:
        """Remove the patch's file."""
        with storage_errors(self.path):
            self.path.unlink(missing_ok=True)


class Bases:
    """Finds what may serve as a base, among the targets of generations that all readers have.

    Args:
        present: The targets of each generation, newest generation first, without those that a reader lacks.
    """

    def __init__(self, present: Iterable[Iterable[Target]]) -> None:
        self._by_path: Mapping[str, list[Target]] = defaultdict(list)
        self._by_pattern: Mapping[str, list[tuple[str, int, Target]]] = defaultdict(list)
        for age, targets in enumerate(present):
            for target in targets:
                self._by_path[target.path].append(target)
                self._by_pattern[_pattern(target.path)].append((target.path, age, target))
        for similar in self._by_pattern.values():
            similar.sort(key=itemgetter(0, 1))

    def candidates(self, target: Target) -> tuple[Blob, ...]:
        """Return at most ``MAX_CANDIDATES`` blobs, most promising first.

        The same path in these generations comes first, newest first; then targets of the same source whose paths
        differ in numbers or digests alone (``vsapi349.zip``, ``rules-2026-04-01.tar.gz``), by generation and by
        how much of the path they share. Content of quite another size is left out.
        """
        if target.length < MIN_TARGET_BYTES:
            return ()
        similar = self._by_pattern.get(_pattern(target.path), [])
        position = bisect(similar, target.path, key=itemgetter(0))
        near = similar[max(0, position - _NEIGHBOURS) : position + _NEIGHBOURS]
        near.sort(key=lambda entry: (entry[1], -_shared(entry[0], target.path)))
        found = {
            base.sha256: Blob(base.sha256, base.length)
            for base in (*self._by_path.get(target.path, ()), *(base for _, _, base in near))
            if base.sha256 != target.sha256 and _comparable(base.length, target.length)
        }
        return tuple(found.values())[:MAX_CANDIDATES]


def best_patch(
    store: BlobStore, target: Blob, candidates: Sequence[Blob], memory_bytes: int = MEMORY_BYTES,
    *, directory: Path | None = None, whole_length: int | None = None,
) -> BestPatch | None:  # fmt: skip
    """Make the best patch for a target.

    Args:
        store: Has the target and the candidates; candidates that it has not are passed over.
        target: What the readers shall have.
        candidates: What the readers have already, most promising first.
        memory_bytes: What making may take beside the interpreter.
        directory: Where the patch's file is made; the store's temporary directory by default, whose sweep finds it.
        whole_length: What the target costs when carried whole; by default its deflated length is measured.

    Returns:
        The patch, or ``None`` when the target is small, nothing resembles it, or the whole is about as small.

    Raises:
        StorageError: The disk is full or failing.
    """
    here = [base for base in candidates if base != target and store.has_blob(base)]
    base = _best_base(store, target, here) if target.length >= MIN_TARGET_BYTES else None
    if base is None:
        return None
    paths = store.path(base.sha256), store.path(target.sha256)
    patch = make_patch(*paths, target, directory or store.temporary, memory_bytes)
    if patch is None:
        return None
    made = BestPatch(patch.engine, base, target, patch.blob, patch.path)
    if patch.blob.length + ENTRY_BYTES > MAX_SHARE * (whole_length or _whole_length(store, target)):
        made.discard()
        return None
    return made


def _pattern(path: str) -> str:
    source, _, rest = path.partition("/")
    return f"{source}/{_NUMBERS.sub('#', rest)}"


def _shared(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _comparable(base_length: int, length: int) -> bool:
    return base_length >= SMALLEST_BASE_BYTES and max(base_length, length) <= _MAX_SIZE_RATIO * min(base_length, length)


def _best_base(store: BlobStore, target: Blob, candidates: Sequence[Blob]) -> Blob | None:
    """Return the candidate to which samples of the target have most in common; ``None`` when none has anything.

    Archives may have nothing in common but their content, so the most promising one is tried for them.
    """
    if not candidates or (len(candidates) == 1 and target.length < _ESTIMATE_FROM_BYTES):
        return next(iter(candidates), None)
    with storage_errors(store.root), store.path(target.sha256).open("rb") as file:
        samples = []
        for number in range(_SAMPLES):
            offset = max(0, (2 * number + 1) * target.length // (2 * _SAMPLES) - _SAMPLE_BYTES // 2)
            file.seek(offset)
            samples.append((offset, file.read(min(_SAMPLE_BYTES, target.length // _SAMPLES + 1))))
    estimates = [_estimate(store, base, target, samples) for base in candidates]
    alone = sum(len(zstd.compress(sample, 3)) for _, sample in samples)
    best = min(range(len(candidates)), key=estimates.__getitem__)
    if estimates[best] < MAX_SHARE * alone:
        return candidates[best]
    return candidates[0] if target.length <= MAX_FOLDED_BYTES and _archives(store, target, candidates[0]) else None


def _archives(store: BlobStore, *blobs: Blob) -> bool:
    return all(may_have_streams(next(store.read(blob.sha256), b"")) for blob in blobs)


def _estimate(store: BlobStore, base: Blob, target: Blob, samples: Sequence[tuple[int, bytes]]) -> int:
    """Return what the samples cost beside those stretches of the base where they are likely to be found."""
    by_window: Mapping[int, list[bytes]] = defaultdict(list)
    for offset, sample in samples:
        by_window[window_starts(offset, base.length, target.length)[0]].append(sample)
    total = 0
    with storage_errors(store.root), store.path(base.sha256).open("rb") as file:
        for start, contents in by_window.items():
            file.seek(start)
            total += len(smallest_frame(file.read(PREFIX_BYTES), b"".join(contents), QUICK))
    return total


def _whole_length(store: BlobStore, target: Blob) -> int:
    deflated = deflate_content(store.read(target.sha256), lambda data: len(data))
    return min(deflated.stored_length, target.length)


__all__ = [
    "MAX_CANDIDATES",
    "MAX_SHARE",
    "MEMORY_BYTES",
    "MIN_TARGET_BYTES",
    "Bases",
    "BestPatch",
    "best_patch",
]
