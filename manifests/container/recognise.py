"""Recognising a container by its two ends, without reading it: is this file one, and is its end there?

This is no verification: :mod:`manifests.container.directory` decides what is read. It keeps other people's files
from being touched, and half-copied ones from being refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from manifests.container.layout import (
    CENTRAL_RECORD,
    CENTRAL_SIGNATURE,
    END_RECORD,
    END_SIGNATURE,
    LOCAL_HEADER,
    LOCAL_SIGNATURE,
    SATURATED_16,
    SATURATED_32,
    ZIP64_END,
    ZIP64_END_SIGNATURE,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_SIGNATURE,
)

_LOCAL_NAME_LENGTH_AT, _CENTRAL_NAME_LENGTH_AT = 26, 28
"""Offsets of the field that gives the length of the name (APPNOTE 4.3.7, 4.3.12)."""


@dataclass(frozen=True)
class Outline:
    """What the two ends of a file say of it; nothing here is believed.

    Args:
        begins_as_zip: It begins with a local header whose name is there.
        ends_as_zip: A central directory and its end stand at the very end.
        names_first_member: The member that was asked about is the first by the local header, or by the directory.
    """

    begins_as_zip: bool
    ends_as_zip: bool
    names_first_member: bool


def outline_file(descriptor: int, length_bytes: int, first_member: str) -> Outline:
    """Read the two ends of a file.

    Args:
        descriptor: The file, open for reading.
        length_bytes: How long it is.
        first_member: The name that the first member of a container of ours has.

    Raises:
        OSError: It cannot be read.
    """
    wanted = first_member.encode("ascii")
    first = _first_name(descriptor, wanted)
    listed = _first_listed_name(descriptor, length_bytes, wanted)
    return Outline(
        begins_as_zip=first is not None,
        ends_as_zip=listed is not None,
        names_first_member=wanted in (first, listed),
    )


def begins_with_member(descriptor: int, first_member: str) -> bool:
    """Tell whether a file begins with the local header of a member of that name.

    Raises:
        OSError: It cannot be read.
    """
    wanted = first_member.encode("ascii")
    return _first_name(descriptor, wanted) == wanted


def _first_name(descriptor: int, wanted: bytes) -> bytes | None:
    record = os.pread(descriptor, LOCAL_HEADER.size + len(wanted), 0)
    return _name_in(record, LOCAL_SIGNATURE, _LOCAL_NAME_LENGTH_AT, LOCAL_HEADER.size, wanted)


def _first_listed_name(descriptor: int, length_bytes: int, wanted: bytes) -> bytes | None:
    """Return the beginning of the name that the central directory lists first; ``None`` without one at the very end.

    Source: APPNOTE 4.3.14-4.3.16; our containers have no comment, so the end record is the last 22 bytes.
    """
    found = _locate_directory(descriptor, length_bytes)
    if found is None:
        return None
    offset, length = found
    record = os.pread(descriptor, CENTRAL_RECORD.size + len(wanted), offset)
    if length < CENTRAL_RECORD.size:
        return None
    return _name_in(record, CENTRAL_SIGNATURE, _CENTRAL_NAME_LENGTH_AT, CENTRAL_RECORD.size, wanted)


def _name_in(record: bytes, signature: bytes, length_at: int, name_at: int, wanted: bytes) -> bytes | None:
    """Return the beginning of the name in a local or central header; ``None`` while it is not there yet."""
    length = int.from_bytes(record[length_at : length_at + 2], "little")
    name = record[name_at : name_at + length]
    if not record.startswith(signature) or len(name) < min(length, len(wanted)) or not name or b"\0" in name:
        return None  # not such a header, cut off, or room that is not written yet
    return name if length == len(name) else name + b"..."


def _locate_directory(descriptor: int, length_bytes: int) -> tuple[int, int] | None:
    """Return offset and length of the central directory, if the end records agree with where they stand."""
    end_at = length_bytes - END_RECORD.size
    tail = os.pread(descriptor, END_RECORD.size, end_at) if end_at >= 0 else b""
    if len(tail) != END_RECORD.size or not tail.startswith(END_SIGNATURE):
        return None
    *_, count, length, offset, _comment = END_RECORD.unpack(tail)
    directory_end = end_at
    locator_at = end_at - ZIP64_LOCATOR.size
    locator = os.pread(descriptor, ZIP64_LOCATOR.size, locator_at) if locator_at >= 0 else b""
    saturated = count == SATURATED_16 or SATURATED_32 in {length, offset}
    if saturated and locator.startswith(ZIP64_LOCATOR_SIGNATURE):
        directory_end = ZIP64_LOCATOR.unpack(locator)[2]
        record = os.pread(descriptor, ZIP64_END.size, directory_end) if directory_end < length_bytes else b""
        if len(record) != ZIP64_END.size or not record.startswith(ZIP64_END_SIGNATURE):
            return None
        *_, length, offset = ZIP64_END.unpack(record)
    return (offset, length) if offset + length == directory_end else None
