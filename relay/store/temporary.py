"""The store's temporary directory: where a damaged bundle is repaired, and what an interruption left behind there."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from manifests.disk.durable import storage_errors

_REPAIR_PREFIX = "repair-"


def create_repair_directory(temporary: Path) -> Path:
    """Make a new directory in which one damaged bundle is repaired.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors(temporary):
        return Path(tempfile.mkdtemp(prefix=_REPAIR_PREFIX, dir=temporary))


def remove_repair_directories(temporary: Path) -> None:
    """Remove what interrupted repairs left. Call under the home's lock: no repair is under way then."""
    for path in temporary.glob(f"{_REPAIR_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)
