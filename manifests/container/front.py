"""Reading a container from its front, when its end or its directory cannot be read.

What is found this way is no whole container: only members that something else vouches for may be
used, and each place is computed from what was vouched for, never searched.
"""

from __future__ import annotations

from typing import BinaryIO

from manifests.container.layout import (
    LOCAL_HEADER,
    LOCAL_SIGNATURE,
    METHOD_BY_CODE,
    SATURATED_32,
    Member,
    Method,
    local_header,
    local_header_length,
)
from manifests.container.member_names import MAX_NAME_BYTES, MemberNames, check_member_name
from manifests.container.source import file_size, read_at
from manifests.errors import SealiftError
from manifests.limits import DEFAULT_LIMITS, Limits


def read_front(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> tuple[Member, ...]:
    """Return the members that follow each other from byte 0, as far as their local headers are canonical.

    Only members below 4 GiB count: the walk ends before the first other one, at the first header that is damaged
    or unreadable, and at ``limits.members``.

    Args:
        file: A seekable binary file; its position is not kept.
        limits: The ceiling on the number of members.

    Raises:
        StorageError: The medium cannot be measured.

    Source: APPNOTE 4.3.7.
    """
    file_length = file_size(file)
    names = MemberNames()
    members: list[Member] = []
    offset = 0
    while len(members) < limits.members:
        try:
            member = _member_at(file, offset, file_length)
            if member is None:
                break
            names.add(member.name)
        except SealiftError:
            break
        members.append(member)
        offset = member.data_end
    return tuple(members)


def member_placed_at(name: str, method: Method, length: int, stored_length: int, offset: int) -> Member:
    """Return the member that begins at ``offset`` in the canonical layout; its CRC-32 is not known and 0."""
    data_offset = offset + local_header_length(name, length)
    return Member(name, method, length, stored_length, 0, offset, data_offset)


def _member_at(file: BinaryIO, offset: int, file_length: int) -> Member | None:
    """Read a local header; ``None`` when no such member with a canonical one begins there."""
    raw = read_at(file, offset, min(LOCAL_HEADER.size + MAX_NAME_BYTES, max(0, file_length - offset)))
    if len(raw) < LOCAL_HEADER.size or not raw.startswith(LOCAL_SIGNATURE):
        return None
    method_code, crc32, stored_length, length, name_length = (
        LOCAL_HEADER.unpack_from(raw)[field] for field in (3, 6, 7, 8, 9)
    )
    method = METHOD_BY_CODE.get(method_code)
    if method is None or (method == "stored" and length != stored_length) or length == SATURATED_32:
        return None
    name = check_member_name(raw[LOCAL_HEADER.size : LOCAL_HEADER.size + name_length])
    member = Member(name, method, length, stored_length, crc32, offset, offset + local_header_length(name, length))
    return member if raw.startswith(local_header(member)) else None
