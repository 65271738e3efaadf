"""Making a home: whole, or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.disk import durable
from manifests.errors import ConfigurationError


@contextmanager
def build_home(path: Path, *, todo: str) -> Iterator[Path]:
    """Give a directory to build a home in; at the end it takes the name ``path``, or is removed.

    It is made beside that name, so that a failure or a power cut leaves nothing that looks like a home.

    Args:
        path: Where the home shall be; nothing may be there but an empty directory.
        todo: What to do when something is.

    Raises:
        ConfigurationError: ``home.exists``.
        StorageError: The disk is full, read-only or failing; nothing is left behind.
    """
    refuse_existing(path, todo)
    durable.make_directory(path.parent)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    with durable.storage_errors(path):
        try:
            fresh.mkdir(mode=0o750)
            yield fresh
            durable.sync_filesystem(fresh)
            durable.replace_file(fresh, path)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise


def refuse_existing(path: Path, todo: str) -> None:
    """Refuse a place for a home where something is already.

    Raises:
        ConfigurationError: ``home.exists``.
    """
    with durable.storage_errors(path):
        taken = path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir())))
    if taken:
        raise ConfigurationError(
            "home.exists",
            f"{path} is there already",
            need="a path where nothing is, or an empty directory",
            todo=todo,
        )
