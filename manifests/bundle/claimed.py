"""What a bundle claims: its manifest and documents, read and not believed; for inspection and for ordering an inbox."""

from __future__ import annotations

from typing import BinaryIO

from manifests import manifest as manifest_format
from manifests.bundle.members import read_member, read_required_member
from manifests.container import read_directory
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.manifest import Manifest, signature


def claimed_manifest(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """Read what a bundle says of itself, believing none of it: for inspection and for ordering an inbox.

    Raises:
        MalformedError: ``zip.*``, ``manifest.*`` or ``bundle.member-missing``.
    """
    members = {member.name: member for member in read_directory(file, limits)}
    data = read_required_member(file, members, manifest_format.MANIFEST_NAME, limits.manifest_bytes, limits)
    return manifest_format.decode_manifest(data, limits)


def claimed_documents(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """Read the signature and all documents of a bundle, believing none of it, by their names.

    Raises:
        MalformedError: ``zip.*``, ``manifest.*`` or ``bundle.*``.
        NotAuthenticError: ``bundle.members``, ``bundle.stored-digest``.
    """
    members = {member.name: member for member in read_directory(file, limits)}
    data = read_required_member(file, members, manifest_format.MANIFEST_NAME, limits.manifest_bytes, limits)
    found = {
        signature.SIGNATURE_NAME: read_required_member(
            file, members, signature.SIGNATURE_NAME, limits.signature_bytes, limits
        )
    }
    for document in manifest_format.decode_manifest(data, limits).documents:
        if document.name in members:
            found[document.name] = read_member(file, members[document.name], limits.targets_bytes, limits, document)
    return found
