"""Files that arrive in parts: each part is written where it belongs, so there is no copy beside the store.

A file lies in the temporary directory at its full length from the first part on. Which bytes of it are in is
recorded in the state, after they are durable; what the state does not know of was never written. When all are
in, the whole is hashed and becomes a blob. Where it is not what it must be, each part is hashed: what rotted on
this disk since it came is asked for again, and what is right stays.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from manifests.byte_ranges import Range, gaps_in, merge_ranges
from manifests.disk.blobs import CHUNK_BYTES, Blob, BlobStore
from manifests.disk.durable import fsync_directory, storage_errors
from manifests.errors import NotAuthenticError

if TYPE_CHECKING:  # slow to import, and a status needs neither
    from manifests.manifest import Manifest, Part

_PREFIX = "parts-"


@dataclass(frozen=True)
class PartSlot:
    """Where a part belongs: the blob that it is a part of, and the part's bytes in it."""

    whole: Blob
    first: int
    behind: int


def slots_of_parts(manifest: Manifest) -> Mapping[str, tuple[PartSlot, ...]]:
    """Return by the digest of a part where it belongs; it may stand several times."""
    result: dict[str, tuple[PartSlot, ...]] = {}
    for parted in manifest.parted:
        first = 0
        for part in parted.parts:
            slot = PartSlot(Blob(parted.sha256, parted.length), first, first + part.length)
            result[part.sha256] = (*result.get(part.sha256, ()), slot)
            first = slot.behind
    return result


def assembly_path(store: BlobStore, sha256: str) -> Path:
    """Return the file in which the parts of a blob come together."""
    return store.temporary / (_PREFIX + sha256)


def assembled_ranges(store: BlobStore, blob: Blob, recorded: Mapping[str, tuple[Range, ...]]) -> tuple[Range, ...]:
    """Return which bytes of a blob have come in parts: those recorded, if the file that they are in is still there."""
    try:
        length = assembly_path(store, blob.sha256).stat().st_size
    except FileNotFoundError:
        return ()
    return recorded.get(blob.sha256, ()) if length == blob.length else ()


def abandoned_files(store: BlobStore, needed: Iterable[str]) -> Iterator[Path]:
    """Yield the files of the temporary directory in which no blob comes together that is needed, by its digest."""
    keep = {_PREFIX + sha256 for sha256 in needed}
    yield from (path for path in store.temporary.glob(f"{_PREFIX}*") if path.name not in keep)


class PartAssembly:
    """Puts parts together to blobs while they are read. A context manager; nothing is recorded by it.

    Args:
        store: Where the files come together, and where they go.
        recorded: What the state says is in.
        parts: What the parts of a whole are, by its digest, to tell the right ones from the rotten.
    """

    def __init__(
        self,
        store: BlobStore,
        recorded: Mapping[str, tuple[Range, ...]],
        parts: Mapping[str, Sequence[Part]],
    ) -> None:
        self._store = store
        self._recorded = recorded
        self._parts = parts
        self.rotten_bytes = 0
        """Bytes that had come before and are not what they were; counted by :meth:`finish_blobs`."""
        self._ranges: dict[Blob, tuple[Range, ...]] = {}
        self._files: dict[Blob, int] = {}
        self._open = ExitStack()

    def __enter__(self) -> PartAssembly:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def unfilled_slots(self, slots: Iterable[PartSlot]) -> tuple[PartSlot, ...]:
        """Return the slots of which bytes are missing."""
        return tuple(slot for slot in slots if gaps_in(self._in(slot.whole), slot.first, slot.behind))

    def write_part(self, slots: Sequence[PartSlot], chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the chunks of a part on, writing each to all its slots. What is in already is never written again.

        Raises:
            StorageError: The disk is full, read-only or failing.
        """
        holes = [(self._file(slot.whole), slot, self._in(slot.whole)) for slot in slots]
        done = 0
        for chunk in chunks:
            for descriptor, slot, ranges in holes:
                start = slot.first + done
                for first, behind in gaps_in(ranges, start, min(start + len(chunk), slot.behind)):
                    with storage_errors(assembly_path(self._store, slot.whole.sha256)):
                        _write(descriptor, memoryview(chunk)[first - start : behind - start], first)
            done += len(chunk)
            yield chunk

    def mark_filled(self, slots: Iterable[PartSlot]) -> None:
        """Count slots as filled: what was written there was the right content."""
        for slot in slots:
            self._ranges[slot.whole] = merge_ranges([*self._in(slot.whole), (slot.first, slot.behind)])

    def finish_blobs(self) -> dict[str, tuple[Range, ...]]:
        """Make all parts durable, and blobs of those that are whole.

        Returns:
            What to record, by digest: the ranges that are in and right; none for a blob that is made.

        Raises:
            NotAuthenticError: ``blob.digest``: parts that are right make no right whole; it is given up.
            StorageError: The disk is full, read-only or failing.
        """
        result: dict[str, tuple[Range, ...]] = {}
        for blob, ranges in self._ranges.items():
            path = assembly_path(self._store, blob.sha256)
            with storage_errors(path):
                os.fdatasync(self._file(blob))
            if ranges == ((0, blob.length),):
                ranges = self._adopted(path, blob)
            result[blob.sha256] = ranges
        if any(result.values()):  # names that are new
            with storage_errors(self._store.temporary):
                fsync_directory(self._store.temporary)
        return result

    def _adopted(self, path: Path, blob: Blob) -> tuple[Range, ...]:
        """Make a blob of a file that is whole; return what is in where it is none."""
        try:
            self._store.adopt(path, blob)
        except NotAuthenticError:
            right = self._right(blob)
            if right == ((0, blob.length),):
                path.unlink()
                raise
            self.rotten_bytes += blob.length - sum(behind - first for first, behind in right)
            return right
        return ()

    def _right(self, blob: Blob) -> tuple[Range, ...]:
        """Return where the file of a blob has the parts that it must have."""
        first, right = 0, []
        for part in self._parts[blob.sha256]:
            if self._digest(blob, first, part.length) == part.sha256:
                right.append((first, first + part.length))
            first += part.length
        return merge_ranges(right)

    def _digest(self, blob: Blob, first: int, length: int) -> str:
        hasher, behind = hashlib.sha256(), first + length
        with storage_errors(assembly_path(self._store, blob.sha256)):
            while first < behind:
                chunk = os.pread(self._file(blob), min(CHUNK_BYTES, behind - first), first)
                hasher.update(chunk)
                first += len(chunk) or behind
        return hasher.hexdigest()

    def _in(self, blob: Blob) -> tuple[Range, ...]:
        if blob not in self._ranges:
            return assembled_ranges(self._store, blob, self._recorded)
        return self._ranges[blob]

    def _file(self, blob: Blob) -> int:
        """Return the open file of a blob, made with room for all of it when it is not there."""
        if blob not in self._files:
            ranges = self._in(blob)
            path = assembly_path(self._store, blob.sha256)
            with storage_errors(path):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                self._open.callback(os.close, descriptor)
                os.ftruncate(descriptor, blob.length)
                if blob.length:
                    os.posix_fallocate(descriptor, 0, blob.length)
            self._files[blob], self._ranges[blob] = descriptor, ranges
        return self._files[blob]


def _write(descriptor: int, data: memoryview, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
