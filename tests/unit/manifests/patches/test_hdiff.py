"""What the hdiffpatch engine adds to its base."""

from __future__ import annotations

from manifests import patches


def test_bytes_are_added_modulo_256_without_carry():
    one, other = bytes(range(256)) * 256, bytes(value for value in range(256) for _ in range(256))
    assert patches.hdiff._add(one, other) == bytes((a + b) % 256 for a, b in zip(one, other, strict=True))
