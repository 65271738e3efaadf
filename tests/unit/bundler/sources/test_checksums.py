"""Checksum files, and what they are checked by."""

from __future__ import annotations

import hashlib
import time

import pytest

from bundler.sources.checksum_list import parse_checksum_file
from bundler.sources.checksums import Checksum
from manifests.errors import FetchError

BODY = b"alert tcp any any\n" * 10_000
SHA256 = hashlib.sha256(BODY).hexdigest()
SHA512 = hashlib.sha512(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()


@pytest.mark.parametrize(
    "text",
    ["", "no checksum", MD5, f"{SHA256}  other.rules", f"{SHA256}\n{SHA256}\n", f"{SHA256} a\n{'0' * 64} a", "<html>"],
)
def test_a_checksum_file_that_gives_no_single_digest_is_refused(text: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_checksum_file(text.encode(), "sha256", "a", name="sums")
    assert caught.value.code == "http.checksum-format"


def test_a_checksum_file_of_blanks_is_read_in_no_time() -> None:
    began = time.process_time()
    with pytest.raises(FetchError):
        parse_checksum_file(f"{MD5}  a{' ' * 500_000}b\n".encode(), "md5", "a", name="sums")
    assert parse_checksum_file(f"{MD5}  a{' ' * 500_000}\n".encode(), "md5", "a", name="sums").digest == MD5
    assert time.process_time() - began < 10  # quadratic in length, this took an hour


def test_a_checksum_matches_only_its_own_bytes() -> None:
    assert Checksum("sha512", SHA512).fits([BODY[:7], BODY[7:]])
    assert not Checksum("sha512", SHA512).fits([BODY[:7]])
