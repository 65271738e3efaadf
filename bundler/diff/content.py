"""What bundles claim to carry, with its digests checked and its signatures not: for looking at them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from manifests import patches
from manifests.bundle.claimed import claimed_manifest
from manifests.container import Member, MemberReader, read_directory
from manifests.disk.blobs import Blob
from manifests.disk.durable import storage_errors
from manifests.errors import NotAuthenticError
from manifests.limits import DEFAULT_LIMITS, MIB, Limits
from manifests.manifest import BLOB_PREFIX, Manifest, PatchMember, Target

MAX_BASE_BYTES = 64 * MIB
"""Largest base that a patch is applied to here, in memory."""
_MAX_DEPTH = 3
"""Parts of a patched base, and no further: whoever sealed the bundle may have written a circle."""


class ClaimedBundle:
    """A bundle that nobody believes. Valid while its file is open.

    Args:
        file: Seekable, from ``open_bundle``.
        limits: Ceilings.

    Raises:
        MalformedError: ``zip.*``, ``manifest.*`` or ``bundle.member-missing``.
    """

    def __init__(self, file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> None:
        self.manifest: Manifest = claimed_manifest(file, limits)
        self.patches = {patch.sha256: patch for patch in self.manifest.patches}
        self.parted = {parted.sha256: parted for parted in self.manifest.parted}
        self._file = file
        self._limits = limits
        self._members: dict[str, Member] = {member.name: member for member in read_directory(file, limits)}

    def member(self, name: str, content: Blob) -> bytes | None:
        """Return the content of a member, ``None`` when this file has no such member.

        Raises:
            MalformedError: ``zip.*``.
            NotAuthenticError: ``bundle.content-digest``: it is not what it should be.
        """
        member = self._members.get(name)
        if member is None:
            return None
        if member.length != content.length:
            raise _damaged(content)
        return _checked(b"".join(MemberReader(self._file, member, self._limits, digest=False)), content)


class ClaimedContent:
    """Finds content by digest, in whichever of several bundles carries it: whole, in parts, or as a patch.

    Args:
        bundles: For a patch, one of them must carry its base.
    """

    def __init__(self, *bundles: ClaimedBundle) -> None:
        self._bundles = bundles

    def __call__(self, target: Target) -> bytes | None:
        """Return a target's whole content, ``None`` when it is not in these files. Ask for small ones only.

        Raises:
            MalformedError: ``zip.*``, ``patch.*``.
            NotAuthenticError: ``bundle.content-digest``: what is there is not what the target says.
            StorageError: There is no room for temporary files.
        """
        return self._find(Blob(target.sha256, target.length), 0)

    def _find(self, content: Blob, depth: int) -> bytes | None:
        if depth > _MAX_DEPTH:
            return None
        for bundle in self._bundles:
            data = bundle.member(BLOB_PREFIX + content.sha256, content)
            data = self._joined(bundle, content, depth) if data is None else data
            data = self._patched(bundle, content, depth) if data is None else data
            if data is not None:
                return data
        return None

    def _joined(self, bundle: ClaimedBundle, content: Blob, depth: int) -> bytes | None:
        parted = bundle.parted.get(content.sha256)
        if parted is None or sum(part.length for part in parted.parts) != content.length:
            return None
        pieces = [self._find(Blob(part.sha256, part.length), depth + 1) for part in parted.parts]
        found = [piece for piece in pieces if piece is not None]
        return _checked(b"".join(found), content) if len(found) == len(pieces) else None

    def _patched(self, bundle: ClaimedBundle, content: Blob, depth: int) -> bytes | None:
        patch = bundle.patches.get(content.sha256)
        if patch is None or max(patch.base_length, patch.patch_length) > MAX_BASE_BYTES:
            return None
        base = self._find(Blob(patch.base_sha256, patch.base_length), depth + 1)
        data = bundle.member(patch.name, Blob(patch.patch_sha256, patch.patch_length))
        return None if base is None or data is None else _checked(_apply(patch, base, data, content), content)


def _apply(patch: PatchMember, base: bytes, data: bytes, content: Blob) -> bytes:
    with TemporaryDirectory(prefix="sealift-") as name:
        base_path, patch_path = Path(name, "base"), Path(name, "patch")
        with storage_errors(base_path):
            base_path.write_bytes(base)
            patch_path.write_bytes(data)
        return b"".join(patches.apply_patch(patch.engine, base_path, patch_path, content))


def _checked(data: bytes, content: Blob) -> bytes:
    if len(data) != content.length or hashlib.sha256(data).hexdigest() != content.sha256:
        raise _damaged(content)
    return data


def _damaged(content: Blob) -> NotAuthenticError:
    return NotAuthenticError("bundle.content-digest", f"The content {content.sha256[:16]} is damaged in the bundle")
