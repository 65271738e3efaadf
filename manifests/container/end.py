"""Finding the central directory: the records at the very end of a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final, NoReturn

from manifests.container.layout import (
    END_RECORD,
    END_SIGNATURE,
    LOCAL_SIGNATURE,
    SATURATED_16,
    SATURATED_32,
    ZIP64_END,
    ZIP64_END_SIGNATURE,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_SIGNATURE,
    end_records,
)
from manifests.container.source import file_size, read_at
from manifests.errors import DamagedContainerError
from manifests.limits import Limits
from manifests.text import count_text

_ZIP64_LENGTH: Final = ZIP64_END.size + ZIP64_LOCATOR.size


@dataclass(frozen=True)
class CentralDirectory:
    """Where the central directory is: ``count`` records in the bytes from ``offset`` to ``end``."""

    count: int
    offset: int
    end: int


def find_central_directory(file: BinaryIO, limits: Limits) -> CentralDirectory:
    """Read the end records and check every field of them.

    Raises:
        DamagedContainerError: ``zip.empty``, ``.not-a-zip``, ``.prefix``, ``.end``, ``.comment``, ``.multi-disk``,
            ``.count``, ``.zip64-missing``, ``.zip64-locator``, ``.zip64-end``, ``.zip64-needless``,
            ``.directory-end``, ``.no-members`` or ``.too-many-members``.

    1. the file begins with a member and ends with an end record without a comment, so there is one place for it
    2. the end record, or the zip64 records before it where a field is saturated, and only there
    3. the central directory ends where these records begin
    4. the number of members has a ceiling before any of them is read

    Source: APPNOTE 4.3.14 to 4.3.16.
    """
    file_length = file_size(file)
    _check_ends(file, file_length)  # 1
    end_offset = file_length - END_RECORD.size
    count, length, offset = _end_record(read_at(file, end_offset, END_RECORD.size))  # 2
    records_offset = end_offset
    if count == SATURATED_16 or SATURATED_32 in (length, offset):
        records_offset = end_offset - _ZIP64_LENGTH
        if records_offset < 0:
            _refuse("zip.zip64-missing", "The end record points to zip64 records that are not there")
        tail = read_at(file, records_offset, file_length - records_offset)
        count, length, offset = _zip64_records(tail, records_offset)
    if offset + length != records_offset:  # 3
        _check_no_zip64(file, end_offset)
        _refuse("zip.directory-end", "The central directory does not end where the end records begin")
    if count == 0:  # 4
        _refuse("zip.no-members", "The container is empty")
    if count > limits.members:
        _refuse(
            "zip.too-many-members",
            f"The container has {count_text(count, 'member')}",
            need=f"at most {limits.members:,}",
        )
    return CentralDirectory(count, offset, records_offset)


def _check_ends(file: BinaryIO, file_length: int) -> None:
    """Refuse a file that does not begin with a member or does not end with the end record.

    Source: APPNOTE 4.3.6, and 4.3.16 without a comment.
    """
    if file_length == 0:
        _refuse("zip.empty", "The file is empty")
    begins = read_at(file, 0, min(4, file_length))
    ends = read_at(file, max(0, file_length - END_RECORD.size), min(END_RECORD.size, file_length))
    is_end = len(ends) == END_RECORD.size and ends.startswith(END_SIGNATURE)
    if begins == LOCAL_SIGNATURE and not is_end:
        _refuse(
            "zip.end",
            "The last 22 bytes are not the end record of a zip: cut short, or followed by something",
            todo="copy the file again",
        )
    if not is_end:
        _refuse("zip.not-a-zip", "The file is not a zip")
    if begins != LOCAL_SIGNATURE and file_length > END_RECORD.size:
        _refuse("zip.prefix", "The file begins with something else than its first member")


def _end_record(raw: bytes) -> tuple[int, int, int]:
    """Return count, length and offset as the end record gives them. Source: APPNOTE 4.3.16, 4.4.19 to 4.4.25."""
    _, disk, directory_disk, disk_count, count, length, offset, comment_length = END_RECORD.unpack(raw)
    if comment_length:
        _refuse("zip.comment", "The end record speaks of a comment")
    if disk or directory_disk:
        _refuse("zip.multi-disk", "The container is one of several disks")
    if disk_count != count:
        _refuse("zip.count", "The end record gives two numbers of members")
    return count, length, offset


def _zip64_records(tail: bytes, records_offset: int) -> tuple[int, int, int]:
    """Return count, length and offset from the zip64 records.

    Args:
        tail: Zip64 end record, locator and end record.
        records_offset: Where that begins.

    Source: APPNOTE 4.3.14, 4.3.15 and 4.4.1.4.
    """
    signature, locator_disk, located, disks = ZIP64_LOCATOR.unpack_from(tail, ZIP64_END.size)
    if signature != ZIP64_LOCATOR_SIGNATURE:
        _refuse("zip.zip64-missing", "The end record points to zip64 records that are not there")
    if locator_disk != 0 or disks != 1:
        _refuse("zip.multi-disk", "The container is one of several disks")
    if located != records_offset:
        _refuse("zip.zip64-locator", "The zip64 locator points elsewhere than to the record before it")
    signature, _, _, _, disk, directory_disk, disk_count, count, length, offset = ZIP64_END.unpack_from(tail)
    if signature != ZIP64_END_SIGNATURE:
        _refuse("zip.zip64-missing", "The zip64 locator points to something else than a zip64 end record")
    if disk or directory_disk:
        _refuse("zip.multi-disk", "The container is one of several disks")
    if disk_count != count:
        _refuse("zip.count", "The zip64 end record gives two numbers of members")
    canonical = end_records(count, length, offset)
    if len(canonical) == END_RECORD.size:
        _refuse("zip.zip64-needless", "Zip64 records are there although nothing needs them")
    if canonical != tail:
        _refuse("zip.zip64-end", "The zip64 end record and the end record do not agree, or hold unknown values")
    return count, length, offset


def _check_no_zip64(file: BinaryIO, end_offset: int) -> None:
    """Name the case of zip64 records before an end record that does not point to them."""
    if end_offset >= ZIP64_LOCATOR.size:
        before = read_at(file, end_offset - ZIP64_LOCATOR.size, 4)
        if before == ZIP64_LOCATOR_SIGNATURE:
            _refuse("zip.zip64-needless", "Zip64 records are there although the end record does not point to them")


def _refuse(code: str, what: str, *, need: str | None = None, todo: str | None = None) -> NoReturn:
    raise DamagedContainerError(code, what, need=need, todo=todo)
