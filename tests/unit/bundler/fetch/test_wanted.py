"""When content that we have is surely what is wanted, and when what comes cannot be."""

from __future__ import annotations

import hashlib

import pytest

from bundler.fetch.errors import WrongLengthError
from bundler.fetch.wanted import WantedFile
from bundler.sources.checksums import Checksum
from manifests.disk.blobs import Blob

URL = "https://up.invalid/a?token=t0ken"
DATA = b"content"
HERE = Blob(hashlib.sha256(DATA).hexdigest(), len(DATA))
MD5 = Checksum("md5", hashlib.md5(DATA).hexdigest())
OTHER_MD5 = Checksum("md5", "0" * 32)


@pytest.mark.parametrize(
    ("wanted", "met"),
    [
        (WantedFile(URL, "a"), False),
        (WantedFile(URL, "a", length=7), False),
        (WantedFile(URL, "a", immutable=True), True),
        (WantedFile(URL, "a", length=8, immutable=True), False),
        (WantedFile(URL, "a", check=Checksum("sha256", HERE.sha256)), True),
        (WantedFile(URL, "a", check=Checksum("sha256", "0" * 64), immutable=True), False),
        (WantedFile(URL, "a", length=8, check=Checksum("sha256", HERE.sha256)), False),
        (WantedFile(URL, "a", check=MD5), True),
        (WantedFile(URL, "a", check=OTHER_MD5), False),
    ],
)
def test_only_a_checksum_or_an_immutable_name_saves_the_question(wanted: WantedFile, met: bool) -> None:
    assert wanted.is_met_by(HERE, lambda: [DATA[:3], DATA[3:]]) is met


def test_content_is_read_only_for_a_checksum_that_its_name_does_not_tell() -> None:
    read = []

    def chunks() -> list[bytes]:
        read.append(True)
        return [DATA]

    for wanted in (WantedFile(URL, "a"), WantedFile(URL, "a", check=Checksum("sha256", HERE.sha256))):
        wanted.is_met_by(HERE, chunks)
    assert read == []
    assert WantedFile(URL, "a", check=MD5).is_met_by(HERE, chunks)
    assert read == [True]


@pytest.mark.parametrize(("wanted", "said"), [(None, 5), (7, None), (7, 7)])
def test_a_length_that_is_unknown_or_right_passes(wanted: int | None, said: int | None) -> None:
    assert WantedFile(URL, "a", length=wanted).check_length(said) is None


def test_another_length_is_refused_with_both_and_without_the_query() -> None:
    with pytest.raises(WrongLengthError) as caught:
        WantedFile(URL, "a", length=7_000).check_length(8_000)
    assert (caught.value.have, caught.value.need) == ("8,000 bytes", "7,000 bytes")
    assert "t0ken" not in str(caught.value)


def test_bytes_beyond_the_length_are_refused_before_they_are_passed_on() -> None:
    passed = []
    with pytest.raises(WrongLengthError):
        passed.extend(WantedFile(URL, "a", length=7).bounded(2, [b"abc", b"defg", b"h"]))
    assert list(WantedFile(URL, "a", length=7).bounded(2, [b"abc", b"de"])) == [b"abc", b"de"]
    assert list(WantedFile(URL, "a").bounded(0, [b"abc"] * 9)) == [b"abc"] * 9
