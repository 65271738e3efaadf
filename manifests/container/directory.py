"""The structural check: the central directory and every local header, byte for byte."""

from __future__ import annotations

import stat
import struct
from typing import BinaryIO, Final, NoReturn

from manifests.container.deflating import inflates_too_much
from manifests.container.end import CentralDirectory, find_central_directory
from manifests.container.layout import (
    CENTRAL_RECORD,
    CENTRAL_SIGNATURE,
    DOS_DATE,
    DOS_TIME,
    EXTERNAL_ATTRIBUTES,
    LOCAL_HEADER,
    MADE_BY,
    METHOD_BY_CODE,
    SATURATED_32,
    ZIP64_EXTRA_ID,
    Member,
    central_record,
    local_header,
    local_header_length,
)
from manifests.container.member_names import MemberNames, check_member_name
from manifests.container.source import ByteWindow, read_at
from manifests.errors import DamagedContainerError
from manifests.limits import DEFAULT_LIMITS, Limits

_FLAG_ENCRYPTED: Final = 1 << 0
_FLAG_DATA_DESCRIPTOR: Final = 1 << 3
_FLAG_STRONG_ENCRYPTION: Final = 1 << 6
_FLAG_MASKED_HEADERS: Final = 1 << 13

_LOCAL_FIELDS: Final = (
    ("signature", "4.3.7"),
    ("version", "4.4.3"),
    ("flags", "4.4.4"),
    ("method", "4.4.5"),
    ("time", "4.4.6"),
    ("date", "4.4.6"),
    ("crc", "4.4.7"),
    ("stored-length", "4.4.8"),
    ("length", "4.4.9"),
    ("name", "4.4.10"),
    ("extra", "4.4.11"),
)
"""The fields of a local header in their order, with the clause of each."""


def read_directory(file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> tuple[Member, ...]:
    """Check a container's whole structure and return its members in file order.

    Keeps at most a megabyte of the file in memory and inflates nothing. What it accepts was, outside
    the members' data, byte for byte what :class:`manifests.container.ContainerWriter` writes for
    these members.

    1. the end records, which say where the central directory is
    2. each central record is, byte for byte, the canonical one for what it says
    3. its member begins where the one before it ended, under a name that no other has on any file system
    4. its local header is, byte for byte, the one that follows from the central record
    5. directory and members end exactly where the end records say

    Args:
        file: A seekable binary file; its position is not kept.
        limits: Ceilings on the number of members and their inflation.

    Raises:
        DamagedContainerError: ``zip.<reason>``, one stable reason per rule.
        StorageError: The medium cannot be read.

    Source: APPNOTE 4.3.6: members, then the central directory, then the end, and nothing else.
    """
    directory = find_central_directory(file, limits)  # 1
    window = ByteWindow(file, directory.offset, directory.end)
    names = MemberNames()
    members: list[Member] = []
    offset = 0
    for _ in range(directory.count):
        if not window.left:
            _refuse("zip.count", "The end record promises more members than the central directory has")
        member = _central(window, offset)  # 2, 3
        names.add(member.name)  # 3
        _check_member(file, member, directory, limits)  # 4
        members.append(member)
        offset = member.data_end
    if window.left:  # 5
        _refuse("zip.count", "The central directory goes on behind its last member")
    if offset != directory.offset:
        _refuse("zip.gap", "Bytes stand between the last member and the central directory")
    return tuple(members)


def _central(window: ByteWindow, offset: int) -> Member:
    """Read the central record of the member that must begin at ``offset``. Source: APPNOTE 4.3.12."""
    fixed = window.take(CENTRAL_RECORD.size)
    if not fixed.startswith(CENTRAL_SIGNATURE):
        _refuse("zip.central-signature", "The central directory holds something else than member records")
    if len(fixed) != CENTRAL_RECORD.size:
        _refuse("zip.directory-truncated", "The central directory ends within a record")
    fields = CENTRAL_RECORD.unpack(fixed)
    method_code, crc32, stored_length, length, name_length, extra_length = fields[4], *fields[7:12]
    name = window.take(name_length)
    extra = window.take(extra_length)
    if len(name) + len(extra) != name_length + extra_length:
        _refuse("zip.directory-truncated", "The central directory ends within a record")
    if fields[3]:
        _refuse_flags(fields[3])
    method = METHOD_BY_CODE.get(method_code)
    if method is None:
        _refuse("zip.method", f"Compression method {method_code} is not allowed", need="0 (stored) or 8 (deflate)")
    text = check_member_name(name)
    length, stored_length, header_offset = _sizes(length, stored_length, fields[16], extra)
    data_offset = header_offset + local_header_length(text, length)
    member = Member(text, method, length, stored_length, crc32, header_offset, data_offset)
    # Written anew and compared: a field that no rule here knows of cannot say anything to another reader.
    if central_record(member) != fixed + name + extra:
        _refuse_central(fields)
    if header_offset != offset:
        code = "zip.gap" if header_offset > offset else "zip.overlap"
        _refuse(code, f"Member {text!r} does not begin where the one before it ends")
    return member


def _refuse_flags(flags: int) -> NoReturn:
    """Name a general purpose flag; all are refused. Source: APPNOTE 4.4.4."""
    if flags & (_FLAG_ENCRYPTED | _FLAG_STRONG_ENCRYPTION | _FLAG_MASKED_HEADERS):
        _refuse("zip.encrypted", "A member is encrypted, or says so")
    if flags & _FLAG_DATA_DESCRIPTOR:
        _refuse("zip.data-descriptor", "A member gives its sizes behind its data")
    _refuse("zip.flags", f"A member has the flags {flags:#06x}", need="none")


def _sizes(length: int, stored_length: int, offset: int, extra: bytes) -> tuple[int, int, int]:
    """Return the three numbers of a record that may stand in its zip64 field instead.

    Source: APPNOTE 4.5.3: the values in this order, each only when its own field is saturated.
    """
    values = [length, stored_length, offset]
    if SATURATED_32 not in values:
        if extra:
            _refuse("zip.extra", "A member has an extra field that it does not need")
        return length, stored_length, offset
    saturated = [place for place, value in enumerate(values) if value == SATURATED_32]
    size = 8 * len(saturated)
    if len(extra) != 4 + size or struct.unpack_from("<2H", extra) != (ZIP64_EXTRA_ID, size):
        _refuse("zip.zip64-extra", "A member's extra field is not exactly the zip64 field it needs")
    for place, value in zip(saturated, struct.unpack_from(f"<{len(saturated)}Q", extra, 4), strict=True):
        if value < SATURATED_32:
            _refuse("zip.zip64-needless", "A member's zip64 field gives a value that needs no zip64")
        values[place] = value
    return values[0], values[1], values[2]


def _refuse_central(fields: tuple[int, ...]) -> NoReturn:
    """Name the first field of a central record that differs from the canonical one. Source: APPNOTE 4.4."""
    made_by, time, date, comment_length, disk = fields[1], fields[5], fields[6], fields[12], fields[13]
    external = fields[15]
    if made_by != MADE_BY:
        _refuse("zip.made-by", "A member was not made by a Sealift writer")
    if (time, date) != (DOS_TIME, DOS_DATE):
        _refuse("zip.time", "A member has a time of its own", need="1980-01-01 00:00")
    if comment_length:
        _refuse("zip.member-comment", "A member has a comment")
    if disk:
        _refuse("zip.multi-disk", "A member begins on another disk")
    if stat.S_ISLNK(external >> 16):
        _refuse("zip.symlink", "A member is a symbolic link")
    if not stat.S_ISREG(external >> 16):
        _refuse("zip.file-type", "A member is a directory, a device or something else that is not a regular file")
    if external != EXTERNAL_ATTRIBUTES:
        _refuse("zip.file-mode", "A member has another mode than rw-r--r--, or DOS attributes")
    if fields[14]:
        _refuse("zip.internal-attributes", "A member has internal attributes")
    _refuse("zip.version", f"A member needs version {fields[2]} to extract", need="20, or 45 where zip64 is used")


def _check_member(file: BinaryIO, member: Member, directory: CentralDirectory, limits: Limits) -> None:
    """Check one member's sizes and its local header. Source: APPNOTE 4.3.7."""
    if member.method == "stored" and member.length != member.stored_length:
        _refuse("zip.stored-length", f"Member {member.name!r} is stored, yet its two lengths differ")
    if member.method == "deflate" and max(member.length, member.stored_length) >= SATURATED_32:
        _refuse("zip.deflate-length", f"Member {member.name!r} is too large to be deflated")
    if inflates_too_much(member.length, member.stored_length, limits):
        _refuse("zip.ratio", f"Member {member.name!r} inflates more than {limits.inflate_ratio}-fold")
    if member.data_end > directory.offset:
        _refuse("zip.overlap", f"Member {member.name!r} reaches into the central directory")
    # Readers differ in which of the two they believe, so the two must be one (APPNOTE 4.3.7 and 4.3.12).
    need = local_header(member)
    have = read_at(file, member.header_offset, len(need))
    if have != need:
        _refuse_local(member, have, need)


def _refuse_local(member: Member, have: bytes, need: bytes) -> NoReturn:
    """Name the first field in which a local header differs from the central record."""
    fields = zip(_LOCAL_FIELDS, LOCAL_HEADER.unpack_from(have), LOCAL_HEADER.unpack_from(need), strict=True)
    for (field, clause), left, right in fields:
        if left != right:
            _refuse(
                f"zip.local-{field}",
                f"The local header of {member.name!r} differs from its central record in its {field}"
                f" (APPNOTE {clause})",
            )
    field = "extra" if have[LOCAL_HEADER.size :].startswith(member.name.encode("ascii")) else "name"
    _refuse(f"zip.local-{field}", f"The local header of {member.name!r} differs from its central record in its {field}")


def _refuse(code: str, what: str, *, need: str | None = None) -> NoReturn:
    raise DamagedContainerError(code, what, need=need)
