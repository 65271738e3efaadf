"""One member read: in bounded pieces, and believed only at its end."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest

from manifests.container import (
    MemberReader,
    read_directory,
)
from manifests.errors import DamagedContainerError
from manifests.limits import DEFAULT_LIMITS, GIB, MIB
from tests.support.containers import TEXT, ZEROS, container, write_sparse


@pytest.mark.parametrize("deflated", [False, True])
def test_content_comes_in_chunks_of_a_mebibyte_at_most(deflated: bool):
    content = TEXT * 4
    assert len(content) > 3 * MIB
    file = io.BytesIO(container(("big", content), deflated=deflated))
    (member,) = read_directory(file)
    reader = MemberReader(file, member)
    chunks = list(reader)
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= MIB
    stored = file.getvalue()[member.data_offset : member.data_end]
    assert reader.stored_sha256 == hashlib.sha256(stored).hexdigest()


def test_several_readers_share_one_file():
    file = io.BytesIO(container(("a", ZEROS * 3), ("b", b"\1" * 3 * MIB)))
    first, second = (MemberReader(file, member) for member in read_directory(file))
    pairs = list(zip(first, second, strict=True))
    assert all(set(left) == {0} and set(right) == {1} for left, right in pairs)


def test_the_digest_is_not_given_before_the_end():
    file = io.BytesIO(container(("a", ZEROS * 3)))
    (member,) = read_directory(file)
    reader = MemberReader(file, member)
    next(iter(reader))
    with pytest.raises(RuntimeError, match="after the last chunk"):
        _ = reader.stored_sha256


def test_the_digest_is_made_only_when_asked_for():
    file = io.BytesIO(container(("a", b"content")))
    (member,) = read_directory(file)
    reader = MemberReader(file, member, digest=False)
    assert b"".join(reader) == b"content"
    with pytest.raises(RuntimeError, match="if it was asked for"):
        _ = reader.stored_sha256


def test_a_member_that_inflates_too_much_is_refused_by_its_reader_too():
    content = bytes(2 * MIB)
    file = io.BytesIO(container(("bomb", content), deflated=True))
    generous = replace(DEFAULT_LIMITS, inflate_ratio=2000)
    (member,) = read_directory(file, generous)
    assert b"".join(MemberReader(file, member, generous)) == content
    for attempt in (lambda: read_directory(file), lambda: list(MemberReader(file, member))):
        with pytest.raises(DamagedContainerError) as refusal:
            attempt()
        assert refusal.value.code == "zip.ratio"


def test_a_flipped_bit_of_a_deflated_container_is_refused_or_seen_in_the_stored_digest():
    data = container(("rules", TEXT[:3000]), deflated=True)
    (original,) = read_directory(io.BytesIO(data))
    digest = hashlib.sha256(data[original.data_offset : original.data_end]).hexdigest()
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        file = io.BytesIO(bytes(changed))
        try:
            (member,) = read_directory(file)
            reader = MemberReader(file, member)
            content = b"".join(reader)
        except DamagedContainerError:
            continue
        assert content == TEXT[:3000]
        assert reader.stored_sha256 != digest


@pytest.mark.long
@pytest.mark.parametrize("place", [2 * GIB - 1, 2 * GIB, 4 * GIB - 1, 4 * GIB, 4 * GIB + 1000])
def test_a_flipped_bit_beyond_a_great_boundary_is_seen(tmp_path: Path, place: int):
    path = tmp_path / "large.zip"
    write_sparse(path, 5 * GIB)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\1")
    with path.open("rb") as file:
        _, large, _ = read_directory(file)
        with pytest.raises(DamagedContainerError) as refusal:
            for _ in MemberReader(file, large, digest=False):
                pass
    assert refusal.value.code == "zip.crc"
