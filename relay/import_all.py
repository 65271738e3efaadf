"""Import of several files and directories: what in a directory is a bundle, and in which order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from manifests.bundle import claimed_manifest, open_bundle
from manifests.durable import storage_errors
from manifests.errors import LockedError, SealiftError, StorageError
from manifests.manifest import NAME
from relay.importer import ImportResult

_BEGINNING_BYTES = 30 + len(NAME)
"""A bundle begins with the local header of its manifest (APPNOTE 4.3.7): 30 bytes, then the name."""


@dataclass(frozen=True)
class Attempt:
    """What became of one file: a result, a refusal, or neither when it was passed over."""

    path: Path
    result: ImportResult | None = None
    error: SealiftError | None = None
    passed_over: str | None = None


def import_all(
    paths: Sequence[Path], newest: Callable[[], int], import_one: Callable[[Path], ImportResult]
) -> Iterator[Attempt]:
    """Import files as given, and of each directory every bundle, oldest first.

    In a directory, bundles older than what is here are passed over: a stick may keep the earlier ones.
    A refusal does not stop the others; a failing disk or a lock does.

    Args:
        paths: Files and directories.
        newest: Returns the newest generation that is here.
        import_one: Imports one file or raises.
    """
    for path in paths:
        if not path.is_dir():
            yield _attempt(path, import_one)
            continue
        for entry, version in bundles_in(path):
            if version is not None and version < newest():
                yield Attempt(entry, passed_over=f"Version {version} is older than generation {newest()}")
            else:
                yield _attempt(entry, import_one)


def bundles_in(directory: Path) -> tuple[tuple[Path, int | None], ...]:
    """Return the bundles of a directory with the version that they claim, oldest first.

    A file that begins like a bundle and cannot be read further stands last, with ``None``.

    Raises:
        StorageError: The directory cannot be read.
    """
    with storage_errors(directory):
        entries = sorted(entry for entry in directory.iterdir() if _begins_like_a_bundle(entry))
    claims = [(entry, _claimed_version(entry)) for entry in entries]
    return tuple(sorted(claims, key=lambda claim: (claim[1] is None, claim[1] or 0, claim[0].name)))


def _attempt(path: Path, import_one: Callable[[Path], ImportResult]) -> Attempt:
    try:
        return Attempt(path, result=import_one(path))
    except (StorageError, LockedError):
        raise
    except SealiftError as error:
        return Attempt(path, error=error)


def _begins_like_a_bundle(path: Path) -> bool:
    if not stat.S_ISREG(path.lstat().st_mode):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        beginning = os.pread(descriptor, _BEGINNING_BYTES, 0)
    finally:
        os.close(descriptor)
    return beginning.startswith(b"PK\x03\x04") and beginning.endswith(NAME.encode("ascii"))


def _claimed_version(path: Path) -> int | None:
    try:
        with open_bundle(path) as file:
            return claimed_manifest(file).snapshot_version
    except SealiftError:
        return None
