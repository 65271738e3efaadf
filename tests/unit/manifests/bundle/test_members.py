"""Members that are no content are read whole, under a ceiling, and inflated only as something signed says."""

from __future__ import annotations

import io

import pytest

from manifests.bundle.members import read_member, read_required_member
from manifests.container import read_directory
from manifests.errors import SealiftError
from manifests.limits import DEFAULT_LIMITS
from manifests.manifest import DocumentMember
from tests.support.containers import container

TEXT = b"some text that repeats itself " * 100


def read(data: bytes, max_bytes: int = 10_000, document: DocumentMember | None = None) -> bytes:
    file = io.BytesIO(data)
    return read_member(file, read_directory(file)[0], max_bytes, DEFAULT_LIMITS, document)


def test_a_stored_member_is_read_up_to_its_ceiling() -> None:
    data = container(("notes.md", TEXT))
    assert read(data, len(TEXT)) == TEXT
    with pytest.raises(SealiftError) as caught:
        read(data, len(TEXT) - 1)
    assert caught.value.code == "bundle.document-length"


def test_no_decoder_sees_a_member_that_nobody_signed_as_compressed() -> None:
    data = container(("notes.md", TEXT), deflated=True)
    with pytest.raises(SealiftError) as caught:
        read(data)
    assert caught.value.code == "bundle.method"


def test_a_compressed_document_has_the_lengths_and_the_stored_bytes_that_were_signed() -> None:
    data = container(("notes.md", TEXT), deflated=True)
    member = read_directory(io.BytesIO(data))[0]
    codes = []
    for stored_length in (member.stored_length, member.stored_length + 1):
        document = DocumentMember("notes.md", len(TEXT), "0" * 64, ("0" * 64, stored_length))
        with pytest.raises(SealiftError) as caught:
            read(data, document=document)
        codes.append(caught.value.code)
    assert codes == ["bundle.stored-digest", "bundle.members"]


def test_a_member_that_must_be_there_is_named_when_it_is_not() -> None:
    with pytest.raises(SealiftError) as caught:
        read_required_member(io.BytesIO(b""), {}, "manifest.json", 10, DEFAULT_LIMITS)
    assert caught.value.code == "bundle.member-missing"
