"""Seal bundles: the manifest, its signature, the metadata and the content, in the canonical zip.

The manifest stands first in the file and pins the bytes of every member after it, so content that
is worth compressing is deflated beforehand, into unnamed spool files beside the store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from securesystemslib.signer import Signer

from bundler.history import SealedVolume
from bundler.plan.compress import THREADS, Spooled, deflate_all
from bundler.plan.layout import read_slice
from manifests import manifest as manifest_format
from manifests import signature
from manifests.blobs import Blob, BlobStore
from manifests.bundle.opening import open_bundle
from manifests.bundle.verify import VerifiedBundle, verify_bundle
from manifests.container import SEGMENT_BYTES, ContainerWriter, Member
from manifests.durable import fsync_directory, removed_on_failure, start_writing, storage_errors
from manifests.errors import NotAuthenticError
from manifests.manifest import TUF_PREFIX, BlobMember, Document, Manifest, PatchMember
from manifests.progress import Progress
from manifests.trust import TrustedState

WRITE_BEHIND_BYTES = 64 * 1024 * 1024
"""How much is written before the disk is asked to begin with it, so that the sync at the end is short."""
FOLLOWED_BYTES = 8 * 1024 * 1024
"""How much must be final before it is worth waking somebody who reads it."""
BUFFER_BYTES = 64 * 1024
"""Collects headers and small members; what is larger goes past it."""


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

    def document(self, name: str, data: bytes) -> Document:
        """Return the document that a name and its bytes become."""
        digest = sha256(data).hexdigest()
        spooled = self.spooled.get(digest) if may_be_deflated(name) else None
        stored = None if spooled is None else (spooled.deflated.stored_sha256, spooled.deflated.stored_length)
        return Document(name, len(data), digest, stored)


def may_be_deflated(name: str) -> bool:
    """Tell whether a document may be deflated: a root is read before the manifest is believed that says so."""
    return not (name.startswith(TUF_PREFIX) and name.endswith(".root.json"))


@contextmanager
def compress(blobs: Sequence[Blob], store: BlobStore, progress: Progress) -> Iterator[Compressed]:
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
        yield Compressed(deflate_all(blobs, store, (one, two), progress))


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
    reached: Callable[[int], object],
) -> None:
    """Write and sync one bundle.

    Args:
        partial: Where to write; must not exist. Removed again when anything fails.
        volume: The manifest and its signature, as they shall stand in it.
        documents: The members that the manifest calls documents, in its order.
        store: Holds all content, and the patches.
        compressed: Holds what the manifest calls deflated.
        progress: Told about every member.
        reached: Told now and then, and at the end, how far the file will not change any more and can be read.

    Raises:
        StorageError: The disk is full, read-only or failing; nothing is left behind.
    """
    manifest = volume.manifest
    carried = sum(blob.stored_length for blob in manifest.blobs) + sum(p.patch_length for p in manifest.patches)
    progress.start("write", carried)
    with storage_errors(partial), removed_on_failure(partial), partial.open("xb", buffering=BUFFER_BYTES) as file:
        writer, behind, final = ContainerWriter(file), _WriteBehind(file.fileno()), _Final(file, reached)
        content = _Content(store, compressed.spooled, _places(manifest), behind)
        signed = ((manifest_format.NAME, volume.manifest_bytes), (signature.NAME, volume.signature_bytes))
        for name, data in signed:
            writer.add(name, [data], length=len(data))
        for document, (_, data) in zip(manifest.documents, documents, strict=True):
            content.write_document(writer, document, data)
        for blob in manifest.blobs:
            final.reach(content.write(writer, blob).data_end)
            progress.advance(blob.stored_length)
        for patch in manifest.patches:
            writer.add(patch.name, behind.passing(store.read(patch.patch_sha256)), length=patch.patch_length)
            progress.advance(patch.patch_length)
        writer.finish()
        file.flush()
        reached(file.tell())
        os.fsync(file.fileno())
        fsync_directory(partial.parent)


@dataclass(frozen=True)
class _Content:
    """Where the bytes of a blob member come from: a spool, a piece of a target, or the store."""

    store: BlobStore
    spooled: Mapping[str, Spooled]
    places: Mapping[str, tuple[str, int]]
    behind: _WriteBehind

    def write(self, writer: ContainerWriter, blob: BlobMember) -> Member:
        if blob.method == "stored":
            return writer.add(blob.name, self.behind.passing(self._stored(blob)), length=blob.length)
        spooled = self.spooled[blob.sha256]
        return writer.add_deflated(
            blob.name,
            self.behind.passing(spooled.chunks()),
            length=blob.length,
            stored_length=blob.stored_length,
            crc32=spooled.deflated.crc32,
        )

    def write_document(self, writer: ContainerWriter, document: Document, data: bytes) -> None:
        if document.deflated is None:
            writer.add(document.name, [data], length=len(data))
        else:
            spooled = self.spooled[document.sha256]
            crc32, (_, stored_length) = spooled.deflated.crc32, document.deflated
            writer.add_deflated(
                document.name, spooled.chunks(), length=len(data), stored_length=stored_length, crc32=crc32
            )

    def _stored(self, blob: BlobMember) -> Iterable[bytes]:
        if blob.sha256 not in self.places:
            return self.store.read(blob.sha256)
        whole, offset = self.places[blob.sha256]
        return read_slice(self.store, whole, offset, blob.length)


class _Final:
    """Says how far a file is final, whenever there is enough that is new to read."""

    def __init__(self, file: BinaryIO, reached: Callable[[int], object]) -> None:
        self._file = file
        self._reached = reached
        self._told = 0

    def reach(self, end: int) -> None:
        """Take note that a member ends here."""
        if end - self._told >= FOLLOWED_BYTES:
            self._told = end
            self._file.flush()
            self._reached(end)


class _WriteBehind:
    """Sends a file to the disk while it is being written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = 0

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass chunks on, which the caller writes."""
        for chunk in chunks:
            yield chunk
            self._waiting += len(chunk)
            if self._waiting >= WRITE_BEHIND_BYTES:
                self._waiting = 0
                start_writing(self._descriptor)


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
    with open_bundle(path) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        verified = verify_bundle(file, state, now, accept_expired=accept_expired)
        progress.start("verify", verified.bytes_to_store)
        largest_first = sorted(verified.manifest.blobs, key=lambda blob: -blob.length)
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda blobs: _check_all(verified, blobs, progress), _shares(largest_first)):
                pass  # the first error is raised here
        for patch in verified.manifest.patches:
            check_patch(verified, patch, progress)
        return verified.manifest


def check_content(verified: VerifiedBundle, blob: BlobMember, progress: Progress) -> None:
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


def check_patch(verified: VerifiedBundle, patch: PatchMember, progress: Progress) -> None:
    """Hash one patch of a verified bundle. What it makes is known only where its base is.

    Raises:
        NotAuthenticError: ``bundle.patch-digest``.
        MalformedError: ``zip.*``.
    """
    for _ in verified.patch(patch):
        continue
    progress.advance(patch.length)


def _shares(blobs: Sequence[BlobMember]) -> Iterator[Sequence[BlobMember]]:
    """Divide a list among threads: large blobs one by one, small ones in hundreds."""
    large = sum(blob.length >= SEGMENT_BYTES for blob in blobs)
    yield from ([blob] for blob in blobs[:large])
    yield from (blobs[start : start + 100] for start in range(large, len(blobs), 100))


def _check_all(verified: VerifiedBundle, blobs: Sequence[BlobMember], progress: Progress) -> None:
    for blob in blobs:
        check_content(verified, blob, progress)
