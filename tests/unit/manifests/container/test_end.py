"""Where the central directory is, and every way in which the end of a file can be wrong."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from manifests.container import read_directory
from manifests.container.end import CentralDirectory, find_central_directory
from manifests.container.layout import END_RECORD, ZIP64_END, ZIP64_LOCATOR, end_records
from manifests.errors import DamagedContainerError
from manifests.limits import DEFAULT_LIMITS
from tests.support.containers import container

SMALL = container(("a", b"first"), ("b", b"second"))
BODY = SMALL[: -END_RECORD.size]
FOUND = find_central_directory(io.BytesIO(SMALL), DEFAULT_LIMITS)
MANY = replace(DEFAULT_LIMITS, members=2**40)
COUNT = 70_000
"""More than an end record can say."""


def zip64(count: int = COUNT) -> bytes:
    """A beginning and an end that belong together; what is between them is read later."""
    return BODY + end_records(count, FOUND.end - FOUND.offset, FOUND.offset)


def refused(data: bytes, limits: object = MANY) -> str:
    with pytest.raises(DamagedContainerError) as caught:
        find_central_directory(io.BytesIO(data), limits)
    return caught.value.code


def put(data: bytes, place: int, new: bytes) -> bytes:
    """Put bytes at a place counted from the end."""
    start = len(data) - place
    return data[:start] + new + data[start + len(new) :]


def test_the_directory_stands_between_the_last_member_and_the_end_record() -> None:
    last = max(member.data_end for member in read_directory(io.BytesIO(SMALL)))
    assert CentralDirectory(2, last, len(SMALL) - END_RECORD.size) == FOUND


def test_zip64_records_say_what_an_end_record_cannot() -> None:
    found = find_central_directory(io.BytesIO(zip64()), MANY)
    assert found == CentralDirectory(COUNT, FOUND.offset, FOUND.end)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "zip.empty"),
        (b"no zip at all, but long enough to be one", "zip.not-a-zip"),
        (SMALL[:-1], "zip.end"),
        (SMALL + b"\0", "zip.end"),
        (b"MZ\x90\0" + SMALL, "zip.prefix"),
        (put(SMALL, 2, b"\1\0"), "zip.comment"),
        (put(SMALL, 18, b"\1\0"), "zip.multi-disk"),
        (put(SMALL, 16, b"\1\0"), "zip.multi-disk"),
        (put(SMALL, 14, b"\1\0"), "zip.count"),
        (put(SMALL, 6, b"\0\0\0\0"), "zip.directory-end"),
        (BODY + end_records(0, FOUND.end - FOUND.offset, FOUND.offset), "zip.no-members"),
        (BODY[:4] + end_records(COUNT, 0, 0)[-END_RECORD.size :], "zip.zip64-missing"),
    ],
)
def test_an_end_that_is_not_the_canonical_one_is_refused(data: bytes, code: str) -> None:
    assert refused(data) == code


RECORD = ZIP64_END.size + ZIP64_LOCATOR.size + END_RECORD.size
LOCATOR = ZIP64_LOCATOR.size + END_RECORD.size


@pytest.mark.parametrize(
    ("place", "new", "code"),
    [
        (RECORD, b"PK\1\2", "zip.zip64-missing"),
        (LOCATOR, b"PK\1\2", "zip.zip64-missing"),
        (LOCATOR - 4, b"\1", "zip.multi-disk"),
        (LOCATOR - 16, b"\2", "zip.multi-disk"),
        (LOCATOR - 8, b"\xff", "zip.zip64-locator"),
        (RECORD - 16, b"\1", "zip.multi-disk"),
        (RECORD - 24, b"\1", "zip.count"),
        (RECORD - 12, b"\0", "zip.zip64-end"),
    ],
)
def test_zip64_records_that_disagree_are_refused(place: int, new: bytes, code: str) -> None:
    assert refused(put(zip64(), place, new)) == code


def test_zip64_records_that_nothing_needs_are_refused() -> None:
    needless = put(put(zip64(), RECORD - 24, b"\2\0\0\0\0\0\0\0"), RECORD - 32, b"\2\0\0\0\0\0\0\0")
    assert refused(needless) == "zip.zip64-needless"


@pytest.mark.parametrize(("members", "code"), [(2, None), (1, "zip.too-many-members")])
def test_the_number_of_members_has_a_ceiling(members: int, code: str | None) -> None:
    limits = replace(DEFAULT_LIMITS, members=members)
    assert code is None or refused(SMALL, limits) == code
    if code is None:
        assert find_central_directory(io.BytesIO(SMALL), limits).count == 2
