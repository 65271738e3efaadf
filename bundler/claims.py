"""What bundles claim to carry, with its digests checked and its signatures not: for looking at them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from manifests.bundle import claimed_manifest
from manifests.container import Member, MemberReader, read_directory
from manifests.errors import NotAuthenticError
from manifests.limits import DEFAULT, Limits
from manifests.manifest import BLOB_PREFIX, Manifest, Target


class ClaimedBundle:
    """A bundle that nobody believes. Valid while its file is open.

    Args:
        file: Seekable, from ``open_bundle``.
        limits: Ceilings.

    Raises:
        MalformedError: ``zip.*``, ``manifest.*`` or ``bundle.member-missing``.
    """

    def __init__(self, file: BinaryIO, limits: Limits = DEFAULT) -> None:
        self.manifest: Manifest = claimed_manifest(file, limits)
        self._file = file
        self._limits = limits
        self._members: dict[str, Member] = {member.name: member for member in read_directory(file, limits)}

    def content(self, target: Target) -> bytes | None:
        """Return a target's whole content, ``None`` when this file does not carry it as a blob.

        Raises:
            MalformedError: ``zip.*``.
            NotAuthenticError: ``bundle.content-digest``: it is not what the target says.
        """
        member = self._members.get(BLOB_PREFIX + target.sha256)
        if member is None:
            return None
        if member.length == target.length:
            data = b"".join(MemberReader(self._file, member, self._limits, digest=False))
            if hashlib.sha256(data).hexdigest() == target.sha256:
                return data
        raise NotAuthenticError("bundle.content-digest", f"The content of {member.name} is not what its name says")


def content_of(*bundles: ClaimedBundle) -> Callable[[Target], bytes | None]:
    """Return where to find content by digest: in whichever of the bundles carries it."""

    def content(target: Target) -> bytes | None:
        for bundle in bundles:
            data = bundle.content(target)
            if data is not None:
                return data
        return None

    return content
