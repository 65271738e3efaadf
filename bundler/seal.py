"""Seal one bundle: the manifest, its signature, the metadata and the content, in the canonical zip.

The manifest stands first in the file and pins the bytes of every member after it, so content that
is worth compressing is deflated beforehand, into unnamed spool files beside the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile

from securesystemslib.signer import Signer

from bundler.compress import THREADS, Spooled, deflate_all
from manifests import bundle, signature
from manifests import manifest as manifest_format
from manifests.blobs import Blob, BlobStore
from manifests.console import Progress
from manifests.container import SEGMENT_BYTES, ContainerWriter
from manifests.durable import fsync_directory, removed_on_failure, storage_errors
from manifests.errors import NotAuthenticError
from manifests.manifest import NOTES_NAME, TUF_PREFIX, BlobMember, Document, Manifest, SourceRecord, Target
from manifests.trust import TrustedState

WRITE_BEHIND_BYTES = 64 * 1024 * 1024
"""How much is written before the disk is asked to begin with it, so that the sync at the end is short."""
BUFFER_BYTES = 64 * 1024
"""Collects headers and small members; what is larger goes past it."""


@dataclass(frozen=True)
class Contents:
    """Everything that goes into one bundle. ``metadata`` is the TUF file names with their bytes, roots first."""

    publisher: str
    snapshot_version: int
    root_version: int
    created: datetime
    tool: str
    sources: tuple[SourceRecord, ...]
    targets: tuple[Target, ...]
    metadata: tuple[tuple[str, bytes], ...]
    notes: bytes | None = None


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
                os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def seal(
    partial: Path, contents: Contents, store: BlobStore, signers: Sequence[Signer], progress: Progress
) -> Manifest:
    """Write and sync one bundle.

    Args:
        partial: Where to write; must not exist. Removed again when anything fails.
        contents: What goes in. Every target's blob is in ``store``.
        store: The publisher's blobs.
        signers: Who signs the manifest: the keys of the timestamp role.
        progress: Told about the two passes.

    Returns:
        The manifest that was signed.

    Raises:
        StorageError: The disk is full, read-only or failing; nothing is left behind.
    """
    documents = [(TUF_PREFIX + name, data) for name, data in contents.metadata]
    if contents.notes is not None:
        documents.append((NOTES_NAME, contents.notes))
    wanted = _distinct_blobs(contents.targets)
    progress.start("compress", sum(blob.length for blob in wanted))
    with TemporaryFile(dir=store.temporary) as one, TemporaryFile(dir=store.temporary) as two:
        spooled = deflate_all(wanted, store, (one, two), progress)
        manifest = _manifest(contents, documents, [_member(blob, spooled.get(blob.sha256)) for blob in wanted])
        manifest_bytes = manifest_format.encode(manifest)
        signed = [(manifest_format.NAME, manifest_bytes), (signature.NAME, signature.sign(manifest_bytes, signers))]
        progress.start("write", sum(blob.stored_length for blob in manifest.blobs))
        with storage_errors(partial), removed_on_failure(partial), partial.open("xb", buffering=BUFFER_BYTES) as file:
            writer, behind = ContainerWriter(file), _WriteBehind(file.fileno())
            for name, data in signed + documents:
                writer.add(name, [data], length=len(data))
            for blob in manifest.blobs:
                _write_blob(writer, blob, spooled.get(blob.sha256), behind, store, progress)
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
            fsync_directory(partial.parent)
    return manifest


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
        largest_first = sorted(verified.manifest.blobs, key=lambda blob: -blob.length)
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda blobs: _check_all(verified, blobs, progress), _shares(largest_first)):
                pass  # the first error is raised here
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


def _shares(blobs: Sequence[BlobMember]) -> Iterator[Sequence[BlobMember]]:
    """Divide a list among threads: large blobs one by one, small ones in hundreds."""
    large = sum(blob.length >= SEGMENT_BYTES for blob in blobs)
    yield from ([blob] for blob in blobs[:large])
    yield from (blobs[start : start + 100] for start in range(large, len(blobs), 100))


def _check_all(verified: bundle.VerifiedBundle, blobs: Sequence[BlobMember], progress: Progress) -> None:
    for blob in blobs:
        check_content(verified, blob, progress)


def _distinct_blobs(targets: Iterable[Target]) -> list[Blob]:
    return list(dict.fromkeys(Blob(target.sha256, target.length) for target in targets if target.arrives == "blob"))


def _member(blob: Blob, spooled: Spooled | None) -> BlobMember:
    if spooled is None:
        return BlobMember(blob.sha256, blob.length, "stored", blob.sha256, blob.length)
    return BlobMember(
        blob.sha256, blob.length, "deflate", spooled.deflated.stored_sha256, spooled.deflated.stored_length
    )


def _manifest(contents: Contents, documents: Sequence[tuple[str, bytes]], blobs: Sequence[BlobMember]) -> Manifest:
    return Manifest(
        publisher=contents.publisher,
        snapshot_version=contents.snapshot_version,
        root_version=contents.root_version,
        created=contents.created,
        tool=contents.tool,
        sources=contents.sources,
        targets=contents.targets,
        documents=tuple(Document(name, len(data), sha256(data).hexdigest()) for name, data in documents),
        blobs=tuple(blobs),
    )


def _write_blob(
    writer: ContainerWriter,
    blob: BlobMember,
    spooled: Spooled | None,
    behind: _WriteBehind,
    store: BlobStore,
    progress: Progress,
) -> None:
    if spooled is None:
        writer.add(blob.name, behind.passing(store.read(blob.sha256)), length=blob.length)
    else:
        writer.add_deflated(
            blob.name,
            behind.passing(spooled.chunks()),
            length=blob.length,
            stored_length=blob.stored_length,
            crc32=spooled.deflated.crc32,
        )
    progress.advance(blob.stored_length)
