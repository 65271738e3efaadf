"""The header of a foreign .7z, counted before py7zr reads it."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import pytest

from manifests.archives.base import DEFAULT_ARCHIVE_LIMITS
from manifests.archives.seven_zip_header import START_BYTES, HeaderPlace, check_coders, check_header
from manifests.errors import MalformedError
from tests.support.archive_bombs import empty_files, seven_zip
from tests.support.rule_packs import pack_7z


def check(data: bytes, **limits: int) -> None:
    offset, length, crc32 = struct.unpack_from("<QQI", data, 12)
    check_header(
        io.BytesIO(data), HeaderPlace(START_BYTES + offset, length, crc32), replace(DEFAULT_ARCHIVE_LIMITS, **limits)
    )


@pytest.mark.parametrize("plain", [False, True])
def test_what_is_listed_is_counted_to_the_file(plain: bool) -> None:
    for count in (1, 7, 8, 9, 300):
        data = pack_7z({f"{n}.xml": b"<a/>" * n for n in range(count)}, plain_header=plain)
        check(data, entries=count)
        if count > 1:
            with pytest.raises(MalformedError) as caught:
                check(data, entries=count - 1)
            assert caught.value.code == "archive.count"


@pytest.mark.parametrize("compressed", [False, True])
def test_empty_files_count_too(compressed: bool) -> None:
    data = seven_zip(empty_files(20), compressed=compressed)
    check(data, entries=20)
    with pytest.raises(MalformedError) as caught:
        check(data, entries=19)
    assert (caught.value.have, caught.value.need) == ("20 files", "at most 19")


def test_a_table_of_contents_has_a_length() -> None:
    data = seven_zip(empty_files(1000))
    with pytest.raises(MalformedError) as caught:
        check(data, header_bytes=2000)
    assert (caught.value.code, caught.value.need) == ("archive.bomb", "at most 2,000")


def test_an_archive_of_nothing_passes() -> None:
    check(seven_zip(b"", compressed=False))


def test_a_decoder_that_wants_much_memory_is_refused() -> None:
    class Folder:
        coders = ({"method": b"\x21", "properties": bytes([40])},)

    with pytest.raises(MalformedError) as caught:
        check_coders([Folder], DEFAULT_ARCHIVE_LIMITS)
    assert caught.value.code == "archive.bomb"
