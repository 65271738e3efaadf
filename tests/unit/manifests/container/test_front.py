"""The front of a container whose end is lost, and the place of what comes behind it."""

from __future__ import annotations

import io
from dataclasses import replace

from manifests.container import member_placed_at, read_directory, read_front
from tests.support.containers import container

DATA = container(("a", b"one"), ("b", b"second"), ("c", b"third"))


def test_the_members_of_a_whole_container_are_found_from_its_front_alone() -> None:
    members = read_directory(io.BytesIO(DATA))
    assert read_front(io.BytesIO(DATA)) == members
    assert read_front(io.BytesIO(DATA[: members[-1].data_end])) == members


def test_the_walk_ends_at_the_first_header_that_is_damaged() -> None:
    members = read_directory(io.BytesIO(DATA))
    damaged = bytearray(DATA)
    damaged[members[1].header_offset + 6] ^= 1
    assert read_front(io.BytesIO(bytes(damaged))) == members[:1]


def test_a_member_is_placed_where_the_canonical_layout_has_it() -> None:
    for member in read_directory(io.BytesIO(DATA)):
        placed = member_placed_at(member.name, member.method, member.length, member.stored_length, member.header_offset)
        assert placed == replace(member, crc32=0)
