"""The one byte form of every record."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest

from manifests.container.layout import (
    END_RECORD,
    LOCAL_HEADER,
    SATURATED_16,
    SATURATED_32,
    ZIP64_END,
    ZIP64_LOCATOR,
    Member,
    central_record,
    end_records,
    local_header,
    local_header_length,
)

DATA = b"some content"
MEMBER = Member("blobs/a", "stored", len(DATA), len(DATA), zlib.crc32(DATA), 0, local_header_length("blobs/a", 12))


def test_the_records_of_one_member_are_a_zip_that_others_read() -> None:
    directory = central_record(MEMBER)
    zipped = local_header(MEMBER) + DATA + directory + end_records(1, len(directory), MEMBER.data_end)
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        (info,) = archive.infolist()
        assert archive.read("blobs/a") == DATA
    assert (info.date_time, info.external_attr >> 16, info.create_system, info.extra) == (
        (1980, 1, 1, 0, 0, 0),
        0o100644,
        3,
        b"",
    )


@pytest.mark.parametrize("length", [0, 1, SATURATED_32 - 1, SATURATED_32, 2**40])
def test_the_length_of_a_header_is_known_before_it_is_made(length: int) -> None:
    header = local_header(replace(MEMBER, length=length, stored_length=length))
    assert len(header) == local_header_length("blobs/a", length)
    assert len(header) == LOCAL_HEADER.size + 7 + (20 if length >= SATURATED_32 else 0)


@pytest.mark.parametrize(
    ("member", "version", "extra"),
    [
        (MEMBER, 20, b""),
        (replace(MEMBER, header_offset=SATURATED_32 - 1), 20, b""),
        (replace(MEMBER, header_offset=SATURATED_32), 45, struct.pack("<2HQ", 1, 8, SATURATED_32)),
        (replace(MEMBER, length=2**33, stored_length=2**33), 45, struct.pack("<2H2Q", 1, 16, 2**33, 2**33)),
        (
            replace(MEMBER, length=2**33, stored_length=2**33, header_offset=2**34),
            45,
            struct.pack("<2H3Q", 1, 24, 2**33, 2**33, 2**34),
        ),
    ],
)
def test_a_directory_record_has_exactly_the_values_that_saturate(member: Member, version: int, extra: bytes) -> None:
    record = central_record(member)
    assert struct.unpack_from("<H", record, 6) == (version,)
    assert record[46:] == b"blobs/a" + extra


@pytest.mark.parametrize(
    ("count", "size", "offset", "zip64"),
    [
        (SATURATED_16 - 1, SATURATED_32 - 1, SATURATED_32 - 1, False),
        (SATURATED_16, 10, 10, True),
        (1, SATURATED_32, 10, True),
        (1, 10, SATURATED_32, True),
    ],
)
def test_zip64_records_are_there_only_where_a_field_saturates(count: int, size: int, offset: int, zip64: bool) -> None:
    records = end_records(count, size, offset)
    assert len(records) == END_RECORD.size + (ZIP64_END.size + ZIP64_LOCATOR.size if zip64 else 0)
    if zip64:
        assert ZIP64_END.unpack_from(records)[6:] == (count, count, size, offset)
        assert ZIP64_LOCATOR.unpack_from(records, ZIP64_END.size)[2] == offset + size


def test_the_next_member_begins_where_the_data_of_one_ends() -> None:
    assert MEMBER.data_end == LOCAL_HEADER.size + 7 + 12
