"""The one byte form of every record of a container.

A member and the three numbers of the end fix every byte outside the members' data. The writer
writes these forms; the reader parses a record, builds its form again and wants the same bytes, so
there is no field that it could forget to check.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal

Method = Literal["stored", "deflate"]

SATURATED_16: Final = 0xFFFF
SATURATED_32: Final = 0xFFFFFFFF
"""In a 16- or 32-bit field: "see the zip64 record". Source: APPNOTE 4.4.1.4."""

LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
"""Local file header without name and extra field. Source: APPNOTE 4.3.7."""
CENTRAL_RECORD: Final = struct.Struct("<4s6H3I5H2I")
"""Central directory record without name and extra field. Source: APPNOTE 4.3.12."""
ZIP64_END: Final = struct.Struct("<4sQ2H2I4Q")
"""Zip64 end of central directory record. Source: APPNOTE 4.3.14."""
ZIP64_LOCATOR: Final = struct.Struct("<4sIQI")
"""Zip64 end of central directory locator. Source: APPNOTE 4.3.15."""
END_RECORD: Final = struct.Struct("<4s4H2IH")
"""End of central directory record without comment. Source: APPNOTE 4.3.16."""

LOCAL_SIGNATURE: Final = b"PK\x03\x04"
CENTRAL_SIGNATURE: Final = b"PK\x01\x02"
ZIP64_END_SIGNATURE: Final = b"PK\x06\x06"
ZIP64_LOCATOR_SIGNATURE: Final = b"PK\x06\x07"
END_SIGNATURE: Final = b"PK\x05\x06"

METHOD_CODES: Final[dict[Method, int]] = {"stored": 0, "deflate": 8}
"""Source: APPNOTE 4.4.5."""
METHOD_BY_CODE: Final[dict[int, Method]] = {code: method for method, code in METHOD_CODES.items()}

MADE_BY: Final = 3 << 8 | 45
"""Unix, specification 4.5. Source: APPNOTE 4.4.2."""
VERSION_PLAIN: Final = 20
VERSION_ZIP64: Final = 45
"""Version needed to extract. Source: APPNOTE 4.4.3.2."""
DOS_TIME: Final = 0
DOS_DATE: Final = 1 << 5 | 1
"""1980-01-01 00:00, the first instant of the format. Source: APPNOTE 4.4.6."""
EXTERNAL_ATTRIBUTES: Final = 0o100644 << 16
"""A regular file, rw-r--r--. Source: APPNOTE 4.4.15 with the Unix mode in the upper half."""
ZIP64_EXTRA_ID: Final = 0x0001
"""Source: APPNOTE 4.5.3."""
ZIP64_END_SIZE: Final = ZIP64_END.size - 12
"""What the record says of itself: its size without signature and this field. Source: APPNOTE 4.3.14.1."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a container. All lengths and offsets in bytes from the container's first.

    ``length`` and ``crc32`` are those of the content, ``stored_length`` that of the bytes which
    stand for it in the container; for a stored member they are the same bytes.
    """

    name: str
    method: Method
    length: int
    stored_length: int
    crc32: int
    header_offset: int
    data_offset: int

    @property
    def data_end(self) -> int:
        """Offset of the first byte behind the member, where the next one begins."""
        return self.data_offset + self.stored_length


def local_header_length(name: str, length: int) -> int:
    """Return how many bytes stand before a member's data."""
    return LOCAL_HEADER.size + len(name) + (20 if length >= SATURATED_32 else 0)


def local_header(member: Member) -> bytes:
    """Return a member's local header. Source: APPNOTE 4.3.7; the zip64 field has both sizes, 4.5.3."""
    extra = _zip64_extra(member.length, member.stored_length)
    fixed = LOCAL_HEADER.pack(
        LOCAL_SIGNATURE,
        _version(member),
        0,
        METHOD_CODES[member.method],
        DOS_TIME,
        DOS_DATE,
        member.crc32,
        min(member.stored_length, SATURATED_32),
        min(member.length, SATURATED_32),
        len(member.name),
        len(extra),
    )
    return fixed + member.name.encode("ascii") + extra


def central_record(member: Member) -> bytes:
    """Return a member's record in the central directory. Source: APPNOTE 4.3.12."""
    extra = _zip64_extra(member.length, member.stored_length, member.header_offset)
    fixed = CENTRAL_RECORD.pack(
        CENTRAL_SIGNATURE,
        MADE_BY,
        _version(member),
        0,
        METHOD_CODES[member.method],
        DOS_TIME,
        DOS_DATE,
        member.crc32,
        min(member.stored_length, SATURATED_32),
        min(member.length, SATURATED_32),
        len(member.name),
        len(extra),
        0,
        0,
        0,
        EXTERNAL_ATTRIBUTES,
        min(member.header_offset, SATURATED_32),
    )
    return fixed + member.name.encode("ascii") + extra


def end_records(count: int, size: int, offset: int) -> bytes:
    """Return everything behind the central directory.

    Args:
        count: How many members there are.
        size: Length of the central directory in bytes.
        offset: Where it begins.

    Source: APPNOTE 4.3.14 to 4.3.16; zip64 records only where a field of the last one saturates.
    """
    end = END_RECORD.pack(
        END_SIGNATURE,
        0,
        0,
        min(count, SATURATED_16),
        min(count, SATURATED_16),
        min(size, SATURATED_32),
        min(offset, SATURATED_32),
        0,
    )
    if count < SATURATED_16 and size < SATURATED_32 and offset < SATURATED_32:
        return end
    record = ZIP64_END.pack(
        ZIP64_END_SIGNATURE, ZIP64_END_SIZE, MADE_BY, VERSION_ZIP64, 0, 0, count, count, size, offset
    )
    return record + ZIP64_LOCATOR.pack(ZIP64_LOCATOR_SIGNATURE, 0, offset + size, 1) + end


def _version(member: Member) -> int:
    saturated = member.length >= SATURATED_32 or member.header_offset >= SATURATED_32
    return VERSION_ZIP64 if saturated else VERSION_PLAIN


def _zip64_extra(*values: int) -> bytes:
    """Return the zip64 field with exactly the values that saturate, or nothing."""
    if max(values) < SATURATED_32:
        return b""
    saturated = [value for value in values if value >= SATURATED_32]
    return struct.pack(f"<2H{len(saturated)}Q", ZIP64_EXTRA_ID, 8 * len(saturated), *saturated)
