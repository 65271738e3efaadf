"""Listing an inbox: which files may be bundles, without opening any of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relay.inbox.readiness import FileStamp, SeenFile

ARCHIVE_NAME = "imported"
"""Where an inbox that archives puts imported files; never listed."""
MAX_ENTRIES = 20_000
"""Names read per inbox and listing: a stick full of photographs must not stop the relay."""

_UNFINISHED_SUFFIXES = frozenset(
    {
        ".part",
        ".partial",
        ".filepart",
        ".crdownload",
        ".download",
        ".opdownload",
        ".aria2",
        ".tmp",
        ".temp",
        ".swp",
        ".!ut",
        ".lock",
    }
)


@dataclass(frozen=True)
class InboxListing:
    """One look at an inbox. ``directories``: identities of what was listed, the inbox first; empty when absent."""

    seen_files: tuple[SeenFile, ...] = ()
    directories: tuple[tuple[Path, tuple[int, int]], ...] = ()
    truncated: bool = False


def is_unfinished_name(name: str) -> bool:
    """Tell whether copy programs, editors or file managers use such a name for what is not complete.

    Hidden names (rsync, Nautilus, AppleDouble), ``~`` and ``$`` (Windows) and the usual suffixes.
    """
    return name.startswith((".", "~", "$")) or name.endswith("~") or Path(name).suffix.lower() in _UNFINISHED_SUFFIXES


def list_inbox(inbox: Path) -> InboxListing:
    """List an inbox and its direct subdirectories.

    Symbolic links, FIFOs, sockets and devices are never among the files seen. A directory that cannot be read
    counts as empty, unless it is the inbox itself.

    Raises:
        OSError: The inbox is there and cannot be read: nothing is known of its files.
    """
    try:
        identity = _identity(inbox)
    except (FileNotFoundError, NotADirectoryError):
        return InboxListing()
    directories = [(inbox, identity)]
    seen_files: list[SeenFile] = []
    budget = MAX_ENTRIES
    subdirectories: list[Path] = []
    with os.scandir(inbox) as entries:
        for entry in entries:
            budget -= 1
            if budget < 0:
                break
            if entry.is_dir(follow_symlinks=False):
                if not is_unfinished_name(entry.name) and entry.name != ARCHIVE_NAME:
                    subdirectories.append(Path(entry.path))
            else:
                seen_files += _seen(entry)
    for directory in sorted(subdirectories):
        try:
            identity = _identity(directory)
            with os.scandir(directory) as entries:
                for entry in entries:
                    budget -= 1
                    if budget < 0:
                        break
                    seen_files += _seen(entry)
        except OSError:
            continue
        directories.append((directory, identity))
    return InboxListing(tuple(seen_files), tuple(directories), truncated=budget < 0)


def stamp_of(status: os.stat_result) -> FileStamp:
    """Return the stamp of a file."""
    return FileStamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _identity(directory: Path) -> tuple[int, int]:
    status = directory.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(directory)
    return status.st_dev, status.st_ino


def _seen(entry: os.DirEntry[str]) -> Iterator[SeenFile]:
    if is_unfinished_name(entry.name):
        return
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return
    if stat.S_ISREG(status.st_mode):
        yield SeenFile(Path(entry.path), stamp_of(status))
