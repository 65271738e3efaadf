"""Rebuilding the damaged blocks of a bundle from its side file."""

from __future__ import annotations

from pathlib import Path

from manifests.disk.durable import storage_errors
from manifests.errors import IncompleteError
from manifests.progress import Progress
from manifests.recovery import program, side_file
from manifests.recovery.plan import SIDE_SUFFIX
from manifests.recovery.program import ROOM_BYTES, program_failed
from manifests.recovery.side_file import SideFile

_REBUILT = "bundle.zip"
"""The name that the program works under, whatever the bundle's."""
_ATTEMPTS = 3
"""Runs with other recovery blocks: one choice in some 65,000 makes equations that have no solution."""
_OUR_FAULT = frozenset({6, 8})
"""The program's exit codes for input and output, and for memory."""


def rebuild_bundle(damaged: Path, lost: int, side: SideFile, *, workspace: Path, progress: Progress) -> Path:
    """Rebuild the lost blocks of a bundle.

    1. the damaged copy takes the one name that the program is told of, whatever a side file says
    2. a plain side file is written anew from what was understood, with just as many recovery blocks as are lost
    3. the program rebuilds; where its equations have no solution, it gets other recovery blocks
    4. what cannot be rebuilt is told apart: our machine's fault, or recovery data that is not the bundle's

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
    whole, before, plain = workspace / _REBUILT, workspace / f"{_REBUILT}.1", workspace / f"plain{SIDE_SUFFIX}"
    length, code = side.recovery_set.length, 0
    with storage_errors(workspace):
        damaged.replace(whole)  # 1
        for first in range(min(_ATTEMPTS, len(side.recovery) - lost + 1)):
            with plain.open("wb") as file:  # 2
                side_file.write_plain_side_file(side, side.recovery[first : first + lost], _REBUILT, file)
            code = program.run_par2(  # 3
                "repair",
                ["-B", str(workspace.absolute()), str(plain.absolute())],
                directory=workspace,
                length=length,
                output_bytes=length + ROOM_BYTES,
                progress=progress,
            )
            if code == 0 and whole.is_file():
                before.unlink(missing_ok=True)
                return whole
            if before.exists():  # the program moves the damaged file aside before it tries
                before.replace(whole)
    if code < 0 or code in _OUR_FAULT:  # 4
        raise program_failed("The damaged blocks could not be rebuilt", code, str(workspace))
    raise IncompleteError(
        "recovery.unusable",
        "The recovery data beside the bundle does not lead back to it",
        need="the bundle again, on another medium",
        todo="in the DMZ: write the bundle and its .par2 file to another medium",
        program_code=code,
    )
