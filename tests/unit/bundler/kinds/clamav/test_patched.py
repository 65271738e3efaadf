"""Databases that freshclam patched: a header without MD5, and the parts' own list."""

from __future__ import annotations

import io

import pytest

from bundler.kinds.clamav.patched import check_parts, read_patched_header
from manifests.errors import MalformedError, NotAuthenticError
from tests.support import clamav_forge as forge


@pytest.mark.parametrize("compressed", [False, True])
def test_a_whole_one_has_the_parts_that_its_list_names(compressed: bool) -> None:
    data = forge.cld(3, compressed=compressed)
    header = read_patched_header(data[:512], name="x.cld")
    assert (header.version, header.builder) == (3, "forge")
    assert check_parts(io.BytesIO(data), name="x.cld") == 1


def test_a_part_that_is_not_the_listed_one_is_refused() -> None:
    with pytest.raises(NotAuthenticError) as caught:
        check_parts(io.BytesIO(forge.cld(3, listed=b"another")), name="x.cld")
    assert caught.value.code == "clamav.sha256"
    assert "x.ndb is not what the list inside says" in caught.value.what


@pytest.mark.parametrize(
    "data", [b"", b"x" * 512, b"x" * 5000, forge.cld(3)[:1400], forge.cld(3, compressed=True)[:-30]]
)
def test_what_is_no_whole_database_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        check_parts(io.BytesIO(data), name="x.cld")
    assert caught.value.code == "clamav.cld"


@pytest.mark.parametrize("data", [b"", forge.cld(3)[:511], b"ClamAV-VDB:" + b" " * 501, b"<html>".ljust(512)])
def test_what_has_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read_patched_header(data, name="x.cld")
    assert caught.value.code == "clamav.header"
