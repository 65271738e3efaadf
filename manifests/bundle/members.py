"""The members of a bundle that are no content: manifest, signature and documents, read whole under a ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from manifests.container import Member, MemberReader
from manifests.errors import MalformedError, NotAuthenticError
from manifests.limits import Limits
from manifests.manifest import DocumentMember
from manifests.text import count_text


def read_member(
    file: BinaryIO, member: Member, max_bytes: int, limits: Limits, document: DocumentMember | None = None
) -> bytes:
    """Read a member of a bundle that is no content; it is inflated only as a document of the manifest says.

    Args:
        file: The bundle.
        member: The member, as its structure was found.
        max_bytes: Ceiling on its content, enforced before anything is read.
        limits: Ceilings on inflation.
        document: What the signed manifest says of it; ``None`` where nothing signed is known yet.

    Raises:
        MalformedError: ``bundle.document-length``, ``bundle.method``, ``zip.*``.
        NotAuthenticError: ``bundle.members``, ``bundle.stored-digest``.
    """
    stored = ("stored", member.length, member.length) if document is None else document.stored
    # No decoder sees bytes that nobody signed: what is read before the manifest is believed must be stored as it is.
    if member.method != "stored" and stored[0] == "stored":
        raise MalformedError("bundle.method", f"{member.name} is compressed", need="as it is, or as the manifest says")
    if stored[0] != "stored" and stored != (member.method, member.length, member.stored_length):
        raise not_as_signed(member.name)
    if member.length > max_bytes:
        raise MalformedError(
            "bundle.document-length",
            f"{member.name} is too large",
            have=count_text(member.length, "byte"),
            need=f"at most {max_bytes:,}",
        )
    reader = MemberReader(file, member, limits)
    data = b"".join(reader)
    if document is not None and document.deflated is not None and reader.stored_sha256 != document.deflated[0]:
        raise other_stored_bytes(member.name, reader.stored_sha256, document.deflated[0])
    return data


def read_required_member(
    file: BinaryIO, members: Mapping[str, Member], name: str, max_bytes: int, limits: Limits
) -> bytes:
    """Read the manifest or the signature of a bundle, which must be there and stored as it is.

    Raises:
        MalformedError: ``bundle.member-missing``, ``bundle.document-length``, ``bundle.method``, ``zip.*``.
    """
    if name not in members:
        raise MalformedError("bundle.member-missing", f"The file holds no {name}", need="a Sealift bundle")
    return read_member(file, members[name], max_bytes, limits)


def not_as_signed(name: str) -> NotAuthenticError:
    """Return the refusal of a member whose method or lengths are not those of the signed manifest."""
    return NotAuthenticError("bundle.members", f"{name} is not stored as the signed manifest says")


def other_stored_bytes(name: str, have: str, need: str) -> NotAuthenticError:
    """Return the refusal of a compressed member whose stored bytes have another digest than the signed one."""
    return NotAuthenticError(
        "bundle.stored-digest",
        f"The stored bytes of {name} are not those that were signed",
        have=f"sha256 {have}",
        need=f"sha256 {need}",
    )
