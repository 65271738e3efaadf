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
from queue import SimpleQueue
from tempfile import TemporaryFile
from typing import BinaryIO

from securesystemslib.signer import Signer

from manifests import bundle, signature
from manifests import manifest as manifest_format
from manifests.blobs import CHUNK_BYTES, Blob, BlobStore
from manifests.console import Progress
from manifests.container import ContainerWriter, Deflated, deflate, pays
from manifests.durable import fsync_directory, removed_on_failure, storage_errors
from manifests.errors import NotAuthenticError
from manifests.manifest import NOTES_NAME, TUF_PREFIX, BlobMember, Document, Manifest, SourceRecord, Target
from manifests.trust import TrustedState

SAMPLE_BYTES = 256 * 1024
"""How much is tried first; encrypted and compressed content shows at once."""


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


@dataclass(frozen=True)
class _Spooled:
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
        spooled = _deflate_all(wanted, store, (one, two), progress)
        manifest = _manifest(contents, documents, [_member(blob, spooled.get(blob.sha256)) for blob in wanted])
        manifest_bytes = manifest_format.encode(manifest)
        signed = [(manifest_format.NAME, manifest_bytes), (signature.NAME, signature.sign(manifest_bytes, signers))]
        progress.start("write", sum(blob.stored_length for blob in manifest.blobs))
        with storage_errors(partial), removed_on_failure(partial), partial.open("xb", buffering=CHUNK_BYTES) as file:
            writer = ContainerWriter(file)
            for name, data in signed + documents:
                writer.add(name, [data], length=len(data))
            for blob in manifest.blobs:
                _write_blob(writer, blob, spooled.get(blob.sha256), store, progress)
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
        for blob in verified.manifest.blobs:
            check_content(verified, blob, progress)
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


def _distinct_blobs(targets: Iterable[Target]) -> list[Blob]:
    return list(dict.fromkeys(Blob(target.sha256, target.length) for target in targets if target.arrives == "blob"))


def _deflate_all(
    blobs: Sequence[Blob], store: BlobStore, spools: Sequence[BinaryIO], progress: Progress
) -> dict[str, _Spooled]:
    """Deflate what is worth it, one thread for each spool (ISA-L releases the interpreter lock)."""
    free: SimpleQueue[BinaryIO] = SimpleQueue()
    for spool in spools:
        free.put(spool)

    def attempt(blob: Blob) -> _Spooled | None:
        spool = free.get()
        try:
            with storage_errors(store.temporary):
                return _deflate_one(blob, store, spool)
        finally:
            free.put(spool)

    result: dict[str, _Spooled] = {}
    with ThreadPoolExecutor(len(spools)) as pool:
        for blob, spooled in zip(blobs, pool.map(attempt, blobs), strict=True):
            progress.advance(blob.length)
            if spooled is not None:
                result[blob.sha256] = spooled
    return result


def _deflate_one(blob: Blob, store: BlobStore, spool: BinaryIO) -> _Spooled | None:
    """Deflate one blob at the end of a spool, or find that it does not pay."""
    if not _sample_pays(store, blob):
        return None
    offset = spool.seek(0, os.SEEK_END)
    deflated = deflate(store.read(blob.sha256), spool.write)
    spool.flush()
    if not pays(deflated):
        spool.truncate(offset)
        return None
    return _Spooled(spool, offset, deflated)


def _sample_pays(store: BlobStore, blob: Blob) -> bool:
    if blob.length <= SAMPLE_BYTES:
        return True
    with store.path(blob.sha256).open("rb") as file:
        return pays(deflate([file.read(SAMPLE_BYTES)], len))


def _member(blob: Blob, spooled: _Spooled | None) -> BlobMember:
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
    writer: ContainerWriter, blob: BlobMember, spooled: _Spooled | None, store: BlobStore, progress: Progress
) -> None:
    if spooled is None:
        writer.add(blob.name, store.read(blob.sha256), length=blob.length)
    else:
        writer.add_deflated(
            blob.name,
            spooled.chunks(),
            length=blob.length,
            stored_length=blob.stored_length,
            crc32=spooled.deflated.crc32,
        )
    progress.advance(blob.stored_length)
