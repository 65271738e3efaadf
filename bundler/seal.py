"""Seal bundles: the manifest, its signature, the metadata and the content, in the canonical zip.

The manifest stands first in the file and pins the bytes of every member after it, so content that
is worth compressing is deflated beforehand, into unnamed spool files beside the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from typing import BinaryIO

from securesystemslib.signer import Signer

from bundler.history import SealedVolume
from bundler.layout import read_slice
from manifests import bundle, signature
from manifests import manifest as manifest_format
from manifests.blobs import CHUNK_BYTES, Blob, BlobStore
from manifests.console import Progress
from manifests.container import ContainerWriter, Deflated, deflate, pays
from manifests.durable import fsync_directory, removed_on_failure, storage_errors
from manifests.errors import NotAuthenticError
from manifests.manifest import BlobMember, Manifest, PatchMember
from manifests.trust import TrustedState

SAMPLE_BYTES = 256 * 1024
"""How much is tried first; encrypted and compressed content shows at once."""


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


@contextmanager
def compress(
    blobs: Sequence[Blob], store: BlobStore, progress: Progress, *, always: bool = False
) -> Iterator[Compressed]:
    """Deflate what is worth it, on two cores.

    Args:
        blobs: What may be deflated; all of it is in ``store``.
        store: The publisher's blobs.
        progress: Told about every blob.
        always: Deflate everything, worth it or not.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    progress.start("compress", sum(blob.length for blob in blobs))
    with TemporaryFile(dir=store.temporary) as one, TemporaryFile(dir=store.temporary) as two:
        yield Compressed(_deflate_all(blobs, store, (one, two), progress, always=always))


def sign(manifest: Manifest, signers: Sequence[Signer]) -> SealedVolume:
    """Encode a manifest and sign it with the keys of the timestamp role."""
    data = manifest_format.encode(manifest)
    return SealedVolume(manifest, data, signature.sign(data, signers))


def write(
    partial: Path,
    volume: SealedVolume,
    documents: Iterable[tuple[str, bytes]],
    store: BlobStore,
    compressed: Compressed,
    progress: Progress,
) -> None:
    """Write and sync one bundle.

    Args:
        partial: Where to write; must not exist. Removed again when anything fails.
        volume: The manifest and its signature, as they shall stand in it.
        documents: The members that the manifest calls documents, in its order.
        store: Holds all content, and the patches.
        compressed: Holds what the manifest calls deflated.
        progress: Told about every member.

    Raises:
        StorageError: The disk is full, read-only or failing; nothing is left behind.
    """
    manifest = volume.manifest
    content = _Content(store, compressed.spooled, _places(manifest))
    carried = sum(blob.stored_length for blob in manifest.blobs) + sum(p.patch_length for p in manifest.patches)
    progress.start("write", carried)
    with storage_errors(partial), removed_on_failure(partial), partial.open("xb", buffering=CHUNK_BYTES) as file:
        writer = ContainerWriter(file)
        signed = ((manifest_format.NAME, volume.manifest_bytes), (signature.NAME, volume.signature_bytes))
        for name, data in (*signed, *documents):
            writer.add(name, [data], length=len(data))
        for blob in manifest.blobs:
            content.write(writer, blob)
            progress.advance(blob.stored_length)
        for patch in manifest.patches:
            writer.add(patch.name, store.read(patch.patch_sha256), length=patch.patch_length)
            progress.advance(patch.patch_length)
        writer.finish()
        file.flush()
        os.fsync(file.fileno())
        fsync_directory(partial.parent)


@dataclass(frozen=True)
class _Content:
    """Where the bytes of a blob member come from: a spool, a piece of a target, or the store."""

    store: BlobStore
    spooled: Mapping[str, Spooled]
    places: Mapping[str, tuple[str, int]]

    def write(self, writer: ContainerWriter, blob: BlobMember) -> None:
        if blob.method == "deflate":
            spooled = self.spooled[blob.sha256]
            writer.add_deflated(
                blob.name,
                spooled.chunks(),
                length=blob.length,
                stored_length=blob.stored_length,
                crc32=spooled.deflated.crc32,
            )
        elif blob.sha256 in self.places:
            whole, offset = self.places[blob.sha256]
            writer.add(blob.name, read_slice(self.store, whole, offset, blob.length), length=blob.length)
        else:
            writer.add(blob.name, self.store.read(blob.sha256), length=blob.length)


def _places(manifest: Manifest) -> dict[str, tuple[str, int]]:
    """Return where each part is found: in which content, from which offset."""
    places: dict[str, tuple[str, int]] = {}
    for parted in manifest.parted:
        offset = 0
        for part in parted.parts:
            places[part.sha256] = (parted.sha256, offset)
            offset += part.length
    return places


def verify_sealed(
    path: Path, state: TrustedState, now: datetime, progress: Progress, *, accept_expired: bool = False
) -> Manifest:
    """Read a bundle back from the medium, not from memory, and verify every byte of it.

    Raises:
        SealiftError: What any relay would refuse it for.
    """
    with bundle.open_bundle(path) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        verified = bundle.verify(file, state, now, accept_expired=accept_expired)
        progress.start("verify", verified.bytes_to_store)
        for blob in verified.manifest.blobs:
            check_content(verified, blob, progress)
        for patch in verified.manifest.patches:
            check_patch(verified, patch, progress)
        return verified.manifest


def check_content(verified: bundle.VerifiedBundle, blob: BlobMember, progress: Progress) -> None:
    """Hash one blob of a verified bundle.

    Raises:
        NotAuthenticError: ``bundle.content-digest``, ``bundle.stored-digest``.
        MalformedError: ``zip.*``.
    """
    hasher = sha256()
    for chunk in verified.content(blob):
        hasher.update(chunk)
        progress.advance(len(chunk))
    if hasher.hexdigest() != blob.sha256:
        raise NotAuthenticError("bundle.content-digest", f"The content of {blob.name} is not what was signed")


def check_patch(verified: bundle.VerifiedBundle, patch: PatchMember, progress: Progress) -> None:
    """Hash one patch of a verified bundle. What it makes is known only where its base is.

    Raises:
        NotAuthenticError: ``bundle.patch-digest``.
        MalformedError: ``zip.*``.
    """
    for _ in verified.patch(patch):
        continue
    progress.advance(patch.length)


def _deflate_all(
    blobs: Sequence[Blob], store: BlobStore, spools: Sequence[BinaryIO], progress: Progress, *, always: bool
) -> dict[str, Spooled]:
    """Deflate what is worth it, one thread for each spool (ISA-L releases the interpreter lock)."""
    free: SimpleQueue[BinaryIO] = SimpleQueue()
    for spool in spools:
        free.put(spool)

    def attempt(blob: Blob) -> Spooled | None:
        spool = free.get()
        try:
            with storage_errors(store.temporary):
                return _deflate_one(blob, store, spool, always=always)
        finally:
            free.put(spool)

    result: dict[str, Spooled] = {}
    with ThreadPoolExecutor(len(spools)) as pool:
        for blob, spooled in zip(blobs, pool.map(attempt, blobs), strict=True):
            progress.advance(blob.length)
            if spooled is not None:
                result[blob.sha256] = spooled
    return result


def _deflate_one(blob: Blob, store: BlobStore, spool: BinaryIO, *, always: bool) -> Spooled | None:
    """Deflate one blob at the end of a spool, or find that it does not pay."""
    if not always and not _sample_pays(store, blob):
        return None
    offset = spool.seek(0, os.SEEK_END)
    deflated = deflate(store.read(blob.sha256), spool.write)
    spool.flush()
    if not always and not pays(deflated):
        spool.truncate(offset)
        return None
    return Spooled(spool, offset, deflated)


def _sample_pays(store: BlobStore, blob: Blob) -> bool:
    if blob.length <= SAMPLE_BYTES:
        return True
    with store.path(blob.sha256).open("rb") as file:
        return pays(deflate([file.read(SAMPLE_BYTES)], len))
