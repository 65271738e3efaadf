"""Walking a directory tree by open directories, so that nobody can swap one for a link meanwhile."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.fetch.local_files import read_errors, taken_for_changes
from bundler.sources.own_files import kind_of_home
from manifests.errors import FetchError

MAX_LEVELS = 64
"""Of directories that are entered, each of which stays open. No file below the 15th could be carried."""


@dataclass(frozen=True)
class OwnHome:
    """A home of ours in the tree: its path below the tree's root with its slash, where it is, what it is."""

    path: str
    at: Path
    kind: str


@dataclass(frozen=True)
class TreeEntry:
    """Something below a tree's root.

    Args:
        path: Relative to the root; a directory's has its slash, the root's own is empty.
        at: Where it is.
        status: What it is, links not followed.
        home: The home of ours that it stands in, if any.
    """

    path: str
    at: Path
    status: os.stat_result
    home: OwnHome | None

    @property
    def is_directory(self) -> bool:
        """Tell whether it is a directory that is entered next."""
        return stat.S_ISDIR(self.status.st_mode)


@dataclass(frozen=True)
class _Directory:
    descriptor: int
    path: str
    at: Path
    level: int
    home: OwnHome | None


def walk_tree(root: Path, enters: Callable[[str], bool]) -> Iterator[TreeEntry]:
    """Yield everything below a directory in the order of names, each directory before what it holds.

    Args:
        root: The directory; it may be a link to one.
        enters: Asked with the relative path of each directory; one that is not entered is not opened either.

    Raises:
        ChangedError: An entry went away meanwhile.
        FetchError: ``directory.missing``, ``directory.unreadable`` or ``directory.deep``.
    """
    with read_errors(root):
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield TreeEntry("", root, os.fstat(descriptor), None)
        yield from _walk(_Directory(descriptor, "", root, 1, None), enters)
    finally:
        os.close(descriptor)


def _walk(directory: _Directory, enters: Callable[[str], bool]) -> Iterator[TreeEntry]:
    at, prefix = directory.at, directory.path
    with read_errors(at), os.scandir(directory.descriptor) as entries:
        names = sorted(entry.name for entry in entries)
    kind = kind_of_home(names)
    home = directory.home if kind is None else OwnHome(prefix, at, kind)
    for name in names:
        with read_errors(at / name), taken_for_changes(at / name):
            status = os.stat(name, dir_fd=directory.descriptor, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            yield TreeEntry(prefix + name, at / name, status, home)
            continue
        if not enters(prefix + name):
            continue
        yield TreeEntry(f"{prefix}{name}/", at / name, status, home)
        if directory.level == MAX_LEVELS:
            raise _too_deep(at / name, prefix)
        way = f'let this user read it, or write exclude = ["{prefix}{name}/**"]'
        with read_errors(at / name, way), taken_for_changes(at / name):
            inner = os.open(
                name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory.descriptor
            )
        try:
            yield from _walk(_Directory(inner, f"{prefix}{name}/", at / name, directory.level + 1, home), enters)
        finally:
            os.close(inner)


def _too_deep(at: Path, prefix: str) -> FetchError:
    return FetchError(
        "directory.deep",
        f"The directories below {str(at)[:200]!r} are too deep to be carried",
        need=f"at most {MAX_LEVELS} levels of directories, of which the first 15 can have files",
        todo=f'exclude = ["{prefix.partition("/")[0]}/**"]',
    )
