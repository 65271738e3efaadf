"""Verify sealed bundles: read back from the medium, every byte, as any relay would."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from bundler.plan.compress import THREADS
from manifests.bundle.opening import open_bundle
from manifests.bundle.verify import VerifiedBundle, verify_bundle
from manifests.container import DEFLATE_SEGMENT_BYTES
from manifests.errors import NotAuthenticError
from manifests.manifest import BlobMember, Manifest, PatchMember
from manifests.progress import Progress
from manifests.trust import TrustedState


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
            for _ in pool.map(lambda blobs: _verify_blobs(verified, blobs, progress), _shares(largest_first)):
                pass  # the first error is raised here
        for patch in verified.manifest.patches:
            verify_patch(verified, patch, progress)
        return verified.manifest


def verify_blob(verified: VerifiedBundle, blob: BlobMember, progress: Progress) -> None:
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


def verify_patch(verified: VerifiedBundle, patch: PatchMember, progress: Progress) -> None:
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
    large = sum(blob.length >= DEFLATE_SEGMENT_BYTES for blob in blobs)
    yield from ([blob] for blob in blobs[:large])
    yield from (blobs[start : start + 100] for start in range(large, len(blobs), 100))


def _verify_blobs(verified: VerifiedBundle, blobs: Sequence[BlobMember], progress: Progress) -> None:
    for blob in blobs:
        verify_blob(verified, blob, progress)
