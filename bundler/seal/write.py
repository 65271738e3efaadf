"""Seal bundles: the manifest, its signature, the metadata and the content, in the canonical zip.

The manifest stands first in the file and pins the bytes of every member after it, so content that
is worth compressing is deflated beforehand, into unnamed spool files beside the store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from securesystemslib.signer import Signer

from bundler.history import SealedVolume
from bundler.plan.compress import Compressed, Spooled
from manifests import manifest as manifest_format
from manifests.container import ContainerWriter, Member
from manifests.disk.blobs import BlobStore
from manifests.disk.durable import fsync_directory, removed_on_failure, start_writing, storage_errors
from manifests.manifest import BlobMember, DocumentMember, Manifest, signature
from manifests.progress import Progress

WRITE_BEHIND_BYTES = 64 * 1024 * 1024
"""How much is written before the disk is asked to begin with it, so that the sync at the end is short."""
FINAL_STEP_BYTES = 8 * 1024 * 1024
"""How much must be final before it is worth waking somebody who reads it."""
BUFFER_BYTES = 64 * 1024
"""Collects headers and small members; what is larger goes past it."""


def seal_volume(manifest: Manifest, signers: Sequence[Signer]) -> SealedVolume:
    """Encode a manifest and sign it with the keys of the timestamp role."""
    data = manifest_format.encode_manifest(manifest)
    return SealedVolume(manifest, data, signature.sign_manifest(data, signers))


def write_bundle(
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
        store: Has all content, and the patches.
        compressed: Has what the manifest calls deflated.
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
        content = _Content(store, compressed.spooled, _part_origins(manifest), behind)
        signed = (
            (manifest_format.MANIFEST_NAME, volume.manifest_bytes),
            (signature.SIGNATURE_NAME, volume.signature_bytes),
        )
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
    part_origins: Mapping[str, tuple[str, int]]
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

    def write_document(self, writer: ContainerWriter, document: DocumentMember, data: bytes) -> None:
        if document.deflated is None:
            writer.add(document.name, [data], length=len(data))
        else:
            spooled = self.spooled[document.sha256]
            crc32, (_, stored_length) = spooled.deflated.crc32, document.deflated
            writer.add_deflated(
                document.name, spooled.chunks(), length=len(data), stored_length=stored_length, crc32=crc32
            )

    def _stored(self, blob: BlobMember) -> Iterable[bytes]:
        if blob.sha256 not in self.part_origins:
            return self.store.read(blob.sha256)
        whole, offset = self.part_origins[blob.sha256]
        return self.store.read_slice(whole, offset, blob.length)


class _Final:
    """Says how far a file is final, whenever there is enough that is new to read."""

    def __init__(self, file: BinaryIO, reached: Callable[[int], object]) -> None:
        self._file = file
        self._reached = reached
        self._told = 0

    def reach(self, end: int) -> None:
        """Take note that a member ends here."""
        if end - self._told >= FINAL_STEP_BYTES:
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


def _part_origins(manifest: Manifest) -> dict[str, tuple[str, int]]:
    """Return where each part is found: in which content, from which offset."""
    origins: dict[str, tuple[str, int]] = {}
    for parted in manifest.parted:
        offset = 0
        for part in parted.parts:
            origins[part.sha256] = (parted.sha256, offset)
            offset += part.length
    return origins
