"""Recovery data for sealed bundles: one more file beside each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bundler.seal.companions import ChooseCompanions, Companion, SealedFile
from manifests import recovery
from manifests.disk import durable
from manifests.errors import UsageError
from manifests.progress import Progress

_PREFIX = "recovery-"


def recovery_companions(percent: float, workspace: Path, progress: Progress) -> ChooseCompanions:
    """Return what puts recovery data beside every bundle of a run.

    Args:
        percent: Blocks of each bundle that may be lost, in per cent.
        workspace: The home's directory for what is not complete yet, on a disk with room for the recovery data.
        progress: Told about each step.

    Raises:
        UsageError: ``recovery.percent``, before anything is sealed.
    """
    recovery.plan_recovery(1, percent)

    def choose(files: Sequence[SealedFile]) -> Sequence[Companion]:
        return tuple(companion_of(file) for file in files)

    def companion_of(file: SealedFile) -> Companion:
        def write(path: Path) -> None:
            write_recovery(file.partial, percent, progress, workspace=workspace, name=file.path.name, out=path)

        return Companion("recovery", recovery.side_name(file.path.name), write)

    return choose


def write_recovery(
    bundle: Path,
    percent: float,
    progress: Progress,
    *,
    workspace: Path,
    name: str | None = None,
    out: Path | None = None,
) -> Path:
    """Write the recovery data of one bundle, durably. Call under the home's lock.

    Args:
        bundle: The sealed bundle, under whatever name it has for now.
        percent: Blocks of it that may be lost, in per cent.
        progress: Told about the step.
        workspace: The home's directory for what is not complete yet; what an interrupted run left there is removed.
        name: The name that the bundle will have; by default the one it has.
        out: The file to write; by default ``<name>.par2`` beside the bundle.

    Returns:
        The file written.

    Raises:
        UsageError: ``recovery.percent``; ``recovery.exists`` when there is a file of that name.
        ConfigurationError: ``recovery.program-missing``.
        StorageError: ``recovery.failed``, or the disk is full or failing; nothing is left behind.
    """
    name = name or bundle.name
    out = out or bundle.with_name(recovery.side_name(name))
    if out.exists():
        raise UsageError("recovery.exists", f"{out} is there already", todo="choose another directory, or remove it")
    progress.start(f"Recovery data for {percent:g} % of {name}")
    durable.make_directory(workspace)
    with durable.storage_errors(workspace):
        for left in workspace.glob(f"{_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=workspace))
    try:
        recovery.make_side_file(bundle, percent, out, name=name, workspace=directory, progress=progress)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    with durable.storage_errors(out):
        durable.fsync_directory(out.parent)
    return out
