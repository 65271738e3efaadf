"""Packets whose sizes make no sense."""

from __future__ import annotations

import pytest

from manifests import recovery
from tests.support.recovery_sticks import LENGTH, Stick, beginning, forged


@pytest.mark.parametrize(("length", "block_bytes"), [
    (0, 4096), (LENGTH, 2), (LENGTH, 4098), (LENGTH, 2**40), (2**62, 4096), (LENGTH, 4),
])  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(stick: Stick, length: int, block_bytes: int) -> None:
    stick.side.write_bytes(beginning(forged(stick, length=length, block_bytes=block_bytes), "0 0 0 0 0"))
    assert recovery.read_side_file(stick.side) is None
