"""Recovery data: a PAR2 side file beside a bundle, from which damaged blocks are rebuilt.

Nothing here decides whether a bundle is believed. A side file is as foreign as the bundle itself: it is read by
our own reader within bounds, what the program is given is written anew from what was understood, and what the
program rebuilds is verified like any other bundle.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from manifests.durable import removed_on_failure, storage_errors
from manifests.errors import IncompleteError, StorageError, UsageError
from manifests.limits import MIB
from manifests.progress import Progress
from manifests.recovery import program, side_file
from manifests.recovery.packets import RecoverySet
from manifests.recovery.side_file import PAGE_BYTES, SideFile, damaged_blocks, length_of, read

SUFFIX = ".par2"
BLOCKS = 8192
"""The most blocks that a bundle is cut into; below, a block is one page. More would find smaller losses and
take longer: 300 MB take two seconds."""
MAX_PERCENT = 100.0
_REBUILT = "bundle.zip"
"""The name that the program works under, whatever the bundle's."""
_ROOM_BYTES = MIB
_ATTEMPTS = 3
"""Runs with other recovery blocks: one choice in some 65,000 makes equations that have no solution."""
_OUR_FAULT = frozenset({6, 8})
"""The program's exit codes for input and output, and for memory."""


@dataclass(frozen=True)
class Plan:
    """How a bundle is cut: ``block_bytes`` is a multiple of the page."""

    blocks: int
    block_bytes: int
    recovery_blocks: int


def side_name(name: str) -> str:
    """Return the name of the side file of a bundle."""
    return name + SUFFIX


def is_side_name(name: str) -> bool:
    """Tell whether a file is called like a side file; sticks change the case of names."""
    return name.lower().endswith(SUFFIX)


def plan(length: int, percent: float) -> Plan:
    """Choose blocks for a bundle.

    As many recovery blocks are made as the loss that is promised, and some for the recovery blocks that the same
    damage takes from the side file: each lost page may take two of them.

    Args:
        length: The bundle's length in bytes.
        percent: Blocks of the bundle that may be lost, in per cent.

    Raises:
        UsageError: ``recovery.percent``.
    """
    if not 0 < percent <= MAX_PERCENT:
        raise UsageError(
            "recovery.percent",
            "That much recovery data cannot be made",
            have=f"{percent:g} %",
            need=f"more than 0 % and at most {MAX_PERCENT:g} %",
        )
    pages_per_block = max(1, -(-length // (BLOCKS * PAGE_BYTES)))
    block_bytes = pages_per_block * PAGE_BYTES
    blocks = max(1, -(-length // block_bytes))
    promised = blocks * percent / 100
    return Plan(blocks, block_bytes, math.ceil(promised * (1 + 2 * percent / 100) + 2 * math.sqrt(promised)))


def side_length(name: str, length: int, percent: float) -> int:
    """Return how long the side file of a bundle will be, in bytes: what a volume must leave room for.

    Raises:
        UsageError: ``recovery.percent``.
    """
    chosen = plan(length, percent)
    return length_of(name, chosen.blocks, chosen.block_bytes, chosen.recovery_blocks)


def make(bundle: Path, percent: float, out: Path, *, name: str, workspace: Path, progress: Progress) -> RecoverySet:
    """Make the side file of a bundle, durably.

    Args:
        bundle: The finished bundle, under whatever name it has for now.
        percent: Blocks of it that may be lost, in per cent.
        out: The side file, not there yet; its name is made durable by the caller.
        name: The bundle's name, for people who use another PAR2 program.
        workspace: An empty directory of our own, on a disk with room for the side file.
        progress: Told about the step.

    Raises:
        UsageError: ``recovery.percent``.
        ConfigurationError: ``recovery.program-missing``.
        StorageError: ``recovery.failed`` when the program gave up, or the disk is full or failing.
    """
    with storage_errors(bundle):
        length = bundle.stat().st_size
    chosen = plan(length, percent)
    source, volume_path = bundle.absolute(), workspace.absolute() / f"volume{SUFFIX}"
    cut = [f"-s{chosen.block_bytes}", f"-c{chosen.recovery_blocks}", "-n1"]
    code = program.run(
        "create",
        [*cut, "-B", str(source.parent), str(volume_path), str(source)],
        directory=workspace,
        length=length,
        output_bytes=2 * side_length(name, length, percent) + _ROOM_BYTES,
        progress=progress,
    )
    with storage_errors(out):
        volumes = sorted(workspace.glob("volume.vol*"))
        if code != 0 or len(volumes) != 1:
            raise _failed("Recovery data could not be made", code, str(workspace))
        with removed_on_failure(out), volumes[0].open("rb") as volume, out.open("xb") as file:
            made = side_file.write(volume, name, file)
            file.flush()
            os.fsync(file.fileno())
        volumes[0].unlink()
    return made


def rebuild(damaged: Path, lost: int, side: SideFile, *, workspace: Path, progress: Progress) -> Path:
    """Rebuild the lost blocks of a bundle.

    Args:
        damaged: The damaged copy, in ``workspace``; it is removed.
        lost: How many of its blocks are damaged; the side file has at least as many recovery blocks.
        side: The side file.
        workspace: A directory of our own, on a disk with room for the whole bundle once more.
        progress: Told about the step.

    Returns:
        The rebuilt bundle in ``workspace``. It is no more to be believed than the damaged one.

    Raises:
        ConfigurationError: ``recovery.program-missing``.
        IncompleteError: ``recovery.unusable``: what is made from the recovery blocks is not the bundle.
        StorageError: ``recovery.failed`` when the program lacked room, memory or time, or the disk is failing.
    """
    whole, before, plain = workspace / _REBUILT, workspace / f"{_REBUILT}.1", workspace / f"plain{SUFFIX}"
    length, code = side.recovery_set.length, 0
    with storage_errors(workspace):
        damaged.replace(whole)
        for first in range(min(_ATTEMPTS, len(side.recovery) - lost + 1)):
            with plain.open("wb") as file:
                side_file.write_plain(side, side.recovery[first : first + lost], _REBUILT, file)
            code = program.run(
                "repair",
                ["-B", str(workspace.absolute()), str(plain.absolute())],
                directory=workspace,
                length=length,
                output_bytes=length + _ROOM_BYTES,
                progress=progress,
            )
            if code == 0 and whole.is_file():
                before.unlink(missing_ok=True)
                return whole
            if before.exists():
                before.replace(whole)
    if code < 0 or code in _OUR_FAULT:
        raise _failed("The damaged blocks could not be rebuilt", code, str(workspace))
    raise IncompleteError(
        "recovery.unusable",
        "The recovery data beside the bundle does not lead back to it",
        need="the bundle once more on another medium",
        todo="in the DMZ: write the bundle and its .par2 file to another medium",
        program_code=code,
    )


def _failed(what: str, code: int, where: str) -> StorageError:
    return StorageError(
        "recovery.failed",
        f"{what}: the par2 program left with {code}",
        todo=f"look for room and memory; it worked in {where}",
        program_code=code,
    )


__all__ = [
    "SUFFIX",
    "Plan",
    "RecoverySet",
    "SideFile",
    "damaged_blocks",
    "is_side_name",
    "make",
    "plan",
    "read",
    "rebuild",
    "side_length",
    "side_name",
]
