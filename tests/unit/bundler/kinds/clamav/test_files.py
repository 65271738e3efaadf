from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.kinds.clamav.files import (
    HEADER_BYTES,
    DatabaseHeader,
    check_body,
    check_cdiff,
    is_cdiff,
    is_sign,
    read_header,
)
from manifests.errors import MalformedError, NotAuthenticError
from tests.support import clamav_forge as forge
from tests.support.content import DATA

GENUINE = DATA / "clamav"


def test_a_header_gives_version_time_signatures_level_md5_and_builder() -> None:
    data = forge.cvd(7, md5="0" * 32)
    assert read_header(data[:HEADER_BYTES], name="x.cvd") == DatabaseHeader(
        version=7,
        built_at=datetime.fromtimestamp(forge.STAMP + 7 * 86400, UTC),
        signatures=20,
        functionality_level=90,
        md5="0" * 32,
        builder="forge",
    )


def test_without_a_stamp_the_written_time_counts() -> None:
    data = forge.cvd(7, stamp="", built="22 Jun 2021 21-34 -0400")
    assert read_header(data, name="x.cvd").built_at == datetime(2021, 6, 23, 1, 34, tzinfo=UTC)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!DOCTYPE html>".ljust(HEADER_BYTES),
        forge.cvd(7)[: HEADER_BYTES - 1],
        forge.cvd(7, magic="ClamAV-CUD"),
        forge.cvd(0),
        forge.cvd(-1),
        forge.cvd(7, signatures="many"),
        forge.cvd(7, level=""),
        forge.cvd(7, md5="f" * 31),
        forge.cvd(7, md5="F" * 32),
        forge.cvd(7, stamp="now"),
        forge.cvd(7, stamp="", built="yesterday"),
        forge.cvd(7, builder="\x1b[2J"),
        forge.cvd(7, builder="a:b"),
    ],
    ids=range(14),
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read_header(data, name="x.cvd")
    assert caught.value.code == "clamav.header"


@given(st.binary(max_size=600))
def test_no_bytes_bring_the_header_reader_down(data: bytes) -> None:
    for sample in (data, (b"ClamAV-VDB:" + data).ljust(HEADER_BYTES)):
        with pytest.raises(MalformedError, match="does not begin as a ClamAV database"):
            read_header(sample, name="x.cvd")


@given(st.integers(1, 2000))
def test_the_md5_is_of_all_after_the_header_however_it_is_cut(size: int) -> None:
    data = forge.cvd(3)
    check_body(read_header(data, name="x"), [data[at : at + size] for at in range(0, len(data), size)], name="x")


def test_a_database_with_another_md5_than_its_header_says_is_refused() -> None:
    data = forge.cvd(3)[:-1] + b"!"
    with pytest.raises(NotAuthenticError) as caught:
        check_body(read_header(data, name="x.cvd"), [data], name="x.cvd")
    assert caught.value.code == "clamav.md5"
    assert caught.value.need == f"md5 {read_header(data, name='x').md5}"


@given(st.integers(1, 200))
def test_an_increment_is_sound_however_it_is_cut(size: int) -> None:
    data = forge.cdiff(4)
    check_cdiff([data[at : at + size] for at in range(0, len(data), size)], 4, name="x-4.cdiff")


def test_an_empty_increment_is_sound() -> None:
    check_cdiff([], 4, name="x-4.cdiff")


@pytest.mark.parametrize(
    ("data", "have"),
    [
        (b"<html>", "b'<html>'"),
        (forge.cdiff(4, said=5), "an increment to version 5"),
        (forge.cdiff(4)[:80], "bytes inside"),
        (forge.cdiff(4)[:-342], "bytes inside"),
        (forge.cdiff(4).replace(b":sss", b"!sss"), "bytes inside"),
        (forge.cdiff(4, length=10), "bytes inside"),
        (forge.cdiff(4, length=999_999), "bytes inside"),
        (b"ClamAV-Diff:4:100:no gzip at all", "damaged compressed data"),
    ],
    ids=["page", "version", "truncated", "unsigned", "separator", "longer", "shorter", "garbage"],
)
def test_what_is_no_whole_increment_is_refused(data: bytes, have: str) -> None:
    for pieces in ([data], [data[:10], data[10:]]):
        with pytest.raises(MalformedError) as caught:
            check_cdiff(pieces, 4, name="x-4.cdiff")
        assert caught.value.code == "clamav.cdiff"
        assert have in str(caught.value.have)


def test_side_files_are_told_by_how_they_begin() -> None:
    assert is_sign(forge.sign(4))
    assert is_cdiff(forge.cdiff(4))
    assert is_cdiff(b"")
    for other in (b"not found", b"<html>", b'{"error":404}', forge.cvd(4)):
        assert not is_sign(other)
        assert not is_cdiff(other)


@pytest.mark.needs("shared/data")
@pytest.mark.parametrize("version", range(1, 7))
def test_genuine_databases_and_increments_are_read(version: int) -> None:
    data = (GENUINE / f"test-{version}.cvd").read_bytes()
    found = read_header(data, name="test.cvd")
    assert (found.version, found.functionality_level) == (version, 81)
    check_body(found, [data], name="test.cvd")
    assert is_sign((GENUINE / f"test-{version}.cvd.sign").read_bytes())
    if version > 1:
        assert is_cdiff((GENUINE / f"test-{version}.cdiff").read_bytes())
        check_cdiff([(GENUINE / f"test-{version}.cdiff").read_bytes()], version, name="cdiff")
