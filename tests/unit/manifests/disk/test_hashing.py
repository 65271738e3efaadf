"""Hashing beside other work gives the digest that hashing alone gives."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from manifests.disk.hashing import WORTHWHILE_BYTES, SideHasher

PIECES = st.sampled_from([b"", b"a", b"bc" * 50, b"d" * (WORTHWHILE_BYTES - 1), b"e" * WORTHWHILE_BYTES, b"f" * 2**20])


@given(st.lists(st.lists(PIECES, max_size=6), max_size=4))
def test_each_thing_has_the_digest_and_length_of_its_own_pieces(things: list[list[bytes]]) -> None:
    with SideHasher() as hasher:
        for pieces in things:
            hasher.begin()
            for piece in pieces:
                hasher.update(piece)
            assert hasher.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()
            assert hasher.length == sum(map(len, pieces))
