"""Making the side file of a bundle."""

from __future__ import annotations

import os
from pathlib import Path

from manifests.disk.durable import removed_on_failure, storage_errors
from manifests.progress import Progress
from manifests.recovery import program, side_file
from manifests.recovery.packets import RecoverySet
from manifests.recovery.plan import SIDE_SUFFIX, plan_recovery, side_length
from manifests.recovery.program import ROOM_BYTES, program_failed


def make_side_file(
    bundle: Path, percent: float, out: Path, *, name: str, workspace: Path, progress: Progress
) -> RecoverySet:
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
    chosen = plan_recovery(length, percent)
    source, volume_path = bundle.absolute(), workspace.absolute() / f"volume{SIDE_SUFFIX}"
    cut = [f"-s{chosen.block_bytes}", f"-c{chosen.recovery_blocks}", "-n1"]
    code = program.run_par2(
        "create",
        [*cut, "-B", str(source.parent), str(volume_path), str(source)],
        directory=workspace,
        length=length,
        output_bytes=2 * side_length(name, length, percent) + ROOM_BYTES,
        progress=progress,
    )
    # Laid out anew: what describes the bundle stands in several places, so that no single damage takes all of it.
    with storage_errors(out):
        volumes = sorted(workspace.glob("volume.vol*"))
        if code != 0 or len(volumes) != 1:
            raise program_failed("Recovery data could not be made", code, str(workspace))
        with removed_on_failure(out), volumes[0].open("rb") as volume, out.open("xb") as file:
            made = side_file.write_side_file(volume, name, file)
            file.flush()
            os.fsync(file.fileno())
        volumes[0].unlink()
    return made
