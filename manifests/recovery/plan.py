"""How a bundle is cut into blocks, how many recovery blocks are made for it, and how its side file is called."""

from __future__ import annotations

import math
from dataclasses import dataclass

from manifests.errors import UsageError
from manifests.recovery.side_file import PAGE_BYTES, side_file_length

SIDE_SUFFIX = ".par2"
MAX_BUNDLE_BLOCKS = 8192
"""The most blocks that a bundle is cut into; below, a block is one page. More would find smaller losses and
take longer: 300 MB take two seconds."""
MAX_RECOVERY_PERCENT = 100.0


@dataclass(frozen=True)
class RecoveryPlan:
    """How a bundle is cut: ``block_bytes`` is a multiple of the page."""

    blocks: int
    block_bytes: int
    recovery_blocks: int


def side_name(name: str) -> str:
    """Return the name of the side file of a bundle."""
    return name + SIDE_SUFFIX


def is_side_name(name: str) -> bool:
    """Tell whether a file is called like a side file; sticks change the case of names."""
    return name.lower().endswith(SIDE_SUFFIX)


def plan_recovery(length: int, percent: float) -> RecoveryPlan:
    """Choose blocks for a bundle.

    As many recovery blocks are made as the loss that is promised, and some for the recovery blocks that the same
    damage takes from the side file: each lost page may take two of them.

    Args:
        length: The bundle's length in bytes.
        percent: Blocks of the bundle that may be lost, in per cent.

    Raises:
        UsageError: ``recovery.percent``.
    """
    if not 0 < percent <= MAX_RECOVERY_PERCENT:
        raise UsageError(
            "recovery.percent",
            "That much recovery data cannot be made",
            have=f"{percent:g} %",
            need=f"more than 0 % and at most {MAX_RECOVERY_PERCENT:g} %",
        )
    pages_per_block = max(1, -(-length // (MAX_BUNDLE_BLOCKS * PAGE_BYTES)))
    block_bytes = pages_per_block * PAGE_BYTES
    blocks = max(1, -(-length // block_bytes))
    promised = blocks * percent / 100
    return RecoveryPlan(blocks, block_bytes, math.ceil(promised * (1 + 2 * percent / 100) + 2 * math.sqrt(promised)))


def side_length(name: str, length: int, percent: float) -> int:
    """Return how long the side file of a bundle will be, in bytes: what a volume must leave room for.

    Raises:
        UsageError: ``recovery.percent``.
    """
    chosen = plan_recovery(length, percent)
    return side_file_length(name, chosen.blocks, chosen.block_bytes, chosen.recovery_blocks)
