"""Partial files on a medium that was taken out before they could be removed: their names, until they are met again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bundler.home import Home
from manifests.disk import durable
from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.schemas import strictjson

_MOST = 200
"""Names that are remembered; a medium that never comes back is forgotten in the end."""


def device_of(directory: Path) -> int | None:
    """Return the number of the file system that a directory is on; None when it is not there."""
    try:
        return directory.stat().st_dev
    except OSError:
        return None


def remember_left_behind(home: Home, partials: Iterable[Path]) -> None:
    """Remember partial files that are out of reach; the newest last.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    names = [path.name for path in partials]
    if names:
        _save(home, [*(name for name in _load(home) if name not in names), *names][-_MOST:])


def remove_left_behind(home: Home, directory: Path) -> None:
    """Remove from a directory the partial files that an interrupted run left there, under whatever path it was then.

    Raises:
        StorageError: The medium, or the disk, is full, read-only or failing.
    """
    names = _load(home)
    met = [name for name in names if os.path.lexists(directory / name)]
    for name in met:
        with durable.storage_errors(directory / name):
            (directory / name).unlink()
    if met:
        _save(home, [name for name in names if name not in met])


def _save(home: Home, names: list[str]) -> None:
    if names:
        durable.write_file(home.left_behind, strictjson.encode_json({"names": names}))
    else:
        with durable.storage_errors(home.left_behind):
            home.left_behind.unlink(missing_ok=True)


def _load(home: Home) -> list[str]:
    """Return the names; none where they cannot be read, since they only tidy up."""
    try:
        value: Any = strictjson.decode_json(home.left_behind.read_bytes(), name="left-behind.json", max_bytes=MIB)
        return [name for name in value["names"] if isinstance(name, str) and name == Path(name).name]
    except (OSError, MalformedError, KeyError, TypeError):
        return []
