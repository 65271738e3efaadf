"""Recovery data for a bundle that was sealed: one more file beside it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from manifests import durable, recovery
from manifests.console import Progress
from manifests.errors import UsageError


def side_path(bundle: Path) -> Path:
    """Return where the recovery data of a bundle goes."""
    return bundle.with_name(recovery.side_name(bundle.name))


def partial_path(bundle: Path) -> Path:
    """Return where the recovery data stands until it is whole: what a crash leaves, for whoever cleans up."""
    return bundle.with_name(f".{recovery.side_name(bundle.name)}.partial")


def protect(
    bundle: Path, percent: float, progress: Progress, *, sealed: Path | None = None, workspace: Path | None = None
) -> Path:
    """Write the recovery data of a bundle beside it, durably and at once.

    Args:
        bundle: The bundle's final path.
        percent: Blocks of it that may be lost, in per cent.
        progress: Told about the step.
        sealed: Where the bundle is for now, if it does not have its name yet.
        workspace: A directory on a disk with room for the recovery data; by default the bundle's own.

    Returns:
        ``<bundle>.par2``.

    Raises:
        UsageError: ``recovery.percent``; ``recovery.exists`` when there is a file of that name.
        ConfigurationError: ``recovery.program-missing``.
        StorageError: ``recovery.failed``, or the disk is full or failing; nothing is left behind.
    """
    final, partial, source = side_path(bundle), partial_path(bundle), sealed or bundle
    if final.exists():
        raise UsageError("recovery.exists", f"{final} is there already", todo="choose another directory, or remove it")
    with durable.storage_errors(final):
        partial.unlink(missing_ok=True)
        progress.start(f"Recovery data, {percent:g} %")
        directory = Path(tempfile.mkdtemp(prefix=".recovery-", dir=workspace or bundle.parent))
        try:
            with durable.removed_on_failure(partial):
                recovery.make(source, percent, partial, name=bundle.name, workspace=directory, progress=progress)
                durable.replace(partial, final)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    return final
