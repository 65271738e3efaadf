"""Blocks and recovery blocks of a bundle, and how long its side file will be."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests import recovery
from manifests.recovery.side_file import side_file_length
from tests.support.recovery_sticks import LENGTH, Stick


@pytest.mark.parametrize("length", [1, 4096, 4097, 300_000, LENGTH])
def test_the_side_file_is_as_long_as_foretold(tmp_path: Path, length: int) -> None:
    stick = Stick(tmp_path, 12.5, length)
    assert stick.side.name == "acme-000007-full.zip.par2"
    assert stick.side.stat().st_size == recovery.side_length(stick.bundle.name, length, 12.5)


@pytest.mark.parametrize(("length", "blocks", "block_bytes"), [
    (1, 1, 4096),
    (8192 * 4096, 8192, 4096),
    (8192 * 4096 + 1, 4097, 8192),
    (4_200_000_000, 8139, 516_096),
    (25_000_000_000, 8192, 3_051_758 // 4096 * 4096 + 4096),
])  # fmt: skip
def test_blocks_are_whole_pages_and_never_more_than_the_most(length: int, blocks: int, block_bytes: int) -> None:
    chosen = recovery.plan_recovery(length, 5)
    assert chosen.block_bytes == block_bytes
    assert chosen.blocks == -(-length // block_bytes)
    assert chosen.blocks <= blocks
    assert chosen.recovery_blocks >= chosen.blocks * 0.05


def test_lengths_foretold_hold_for_the_largest_bundles() -> None:
    chosen = recovery.plan_recovery(25_000_000_000, 5)
    length = side_file_length("acme-000007-full.zip", chosen.blocks, chosen.block_bytes, chosen.recovery_blocks)
    assert 0.05 < length / 25_000_000_000 < 0.065
