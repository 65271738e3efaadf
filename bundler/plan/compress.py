"""Compress what is worth it, before the bundle is begun: its manifest pins the compressed bytes and stands first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from queue import SimpleQueue
from tempfile import TemporaryFile
from typing import BinaryIO

from manifests.container import DEFLATE_SEGMENT_BYTES, MIN_GAIN_BYTES, Deflated, deflate_content, deflating_pays
from manifests.disk.blobs import CHUNK_BYTES, Blob, BlobStore
from manifests.disk.durable import storage_errors
from manifests.manifest import TUF_PREFIX, BlobMember, DocumentMember
from manifests.progress import Progress

THREADS = 2
"""How many cores a sealing machine is taken to have for it."""
SAMPLE_BYTES = 128 * 1024
"""How much of a blob above ``SEGMENT_BYTES`` is tried first; encrypted and compressed content shows at once."""
LARGE_BYTES = 8 * DEFLATE_SEGMENT_BYTES
"""From here on all threads work on one blob; below, each has its own."""


@dataclass(frozen=True)
class Spooled:
    """A deflated blob in a spool file."""

    spool: BinaryIO
    offset: int
    deflated: Deflated

    def chunks(self) -> Iterator[bytes]:
        """Yield the raw DEFLATE stream."""
        done = 0
        while done < self.deflated.stored_length:
            wanted = min(CHUNK_BYTES, self.deflated.stored_length - done)
            chunk = os.pread(self.spool.fileno(), wanted, self.offset + done)
            yield chunk
            done += len(chunk)


@dataclass(frozen=True)
class Compressed:
    """What is deflated, by the digest of its content; valid while its spool files are open."""

    spooled: Mapping[str, Spooled]

    def member(self, blob: Blob) -> BlobMember:
        """Return the member that a blob becomes."""
        spooled = self.spooled.get(blob.sha256)
        if spooled is None:
            return BlobMember(blob.sha256, blob.length, "stored", blob.sha256, blob.length)
        stored = spooled.deflated
        return BlobMember(blob.sha256, blob.length, "deflate", stored.stored_sha256, stored.stored_length)

    def document(self, name: str, data: bytes) -> DocumentMember:
        """Return the document that a name and its bytes become."""
        digest = sha256(data).hexdigest()
        spooled = self.spooled.get(digest) if may_be_deflated(name) else None
        stored = None if spooled is None else (spooled.deflated.stored_sha256, spooled.deflated.stored_length)
        return DocumentMember(name, len(data), digest, stored)


def may_be_deflated(name: str) -> bool:
    """Tell whether a document may be deflated: a root is read before the manifest is believed that says so."""
    return not (name.startswith(TUF_PREFIX) and name.endswith(".root.json"))


@contextmanager
def compress_blobs(blobs: Sequence[Blob], store: BlobStore, progress: Progress) -> Iterator[Compressed]:
    """Deflate what is worth it; the same content gives the same streams.

    Args:
        blobs: What may be deflated, each once; all of it is in ``store``.
        store: The publisher's blobs.
        progress: Told about every blob.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    progress.start("compress", sum(blob.length for blob in blobs))
    with TemporaryFile(dir=store.temporary) as one, TemporaryFile(dir=store.temporary) as two:
        yield Compressed(deflate_blobs(blobs, store, (one, two), progress))


def deflate_blobs(
    blobs: Sequence[Blob], store: BlobStore, spools: Sequence[BinaryIO], progress: Progress
) -> dict[str, Spooled]:
    """Deflate what is worth it: all threads on one large blob, then each on small ones (ISA-L releases the lock).

    Args:
        blobs: What there is to compress, each once.
        store: Where their content is.
        spools: One empty file for each thread.
        progress: Told about every blob.

    Returns:
        By digest, the blobs that become smaller by it; the others are stored as they are.

    Raises:
        StorageError: The disk is full or failing.
    """
    free: SimpleQueue[BinaryIO] = SimpleQueue()
    for spool in spools:
        free.put(spool)

    def attempt(blob: Blob) -> Spooled | None:
        spool = free.get()
        try:
            with storage_errors(store.temporary):
                return _deflate_one(blob, store, spool, None)
        finally:
            free.put(spool)

    result: dict[str, Spooled | None] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for blob in (blob for blob in blobs if blob.length >= LARGE_BYTES):
            with storage_errors(store.temporary):
                result[blob.sha256] = _deflate_one(blob, store, spools[0], pool)
            progress.advance(blob.length)
        small = [blob for blob in blobs if MIN_GAIN_BYTES < blob.length < LARGE_BYTES]
        for blob, spooled in zip(small, pool.map(attempt, small), strict=True):
            progress.advance(blob.length)
            result[blob.sha256] = spooled
    return {sha256: spooled for sha256, spooled in result.items() if spooled is not None}


def _deflate_one(blob: Blob, store: BlobStore, spool: BinaryIO, pool: Executor | None) -> Spooled | None:
    """Deflate one blob at the end of a spool, or find that it does not pay."""
    if not _sample_pays(store, blob):
        return None
    offset = spool.seek(0, os.SEEK_END)
    deflated = deflate_content(store.read(blob.sha256), spool.write, pool)
    spool.flush()
    if not deflating_pays(deflated):
        spool.truncate(offset)
        return None
    return Spooled(spool, offset, deflated)


def _sample_pays(store: BlobStore, blob: Blob) -> bool:
    if blob.length <= DEFLATE_SEGMENT_BYTES:
        return True
    with store.path(blob.sha256).open("rb") as file:
        return deflating_pays(deflate_content([file.read(SAMPLE_BYTES)], len))
