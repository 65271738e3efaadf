"""What becomes of a file that was imported, or refused with a copy in quarantine."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from manifests.disk.durable import fsync_directory
from relay.config import Dispose
from relay.inbox.listing import ARCHIVE_NAME, stamp_of
from relay.inbox.readiness import FileStamp


class Fate(StrEnum):
    """What was done with a file."""

    DELETED = "deleted"
    KEPT = "kept"
    ARCHIVED = "archived"
    GONE = "gone"


@dataclass(frozen=True)
class Disposal:
    """What was done and why, if it is not what was asked."""

    fate: Fate
    text: str


def dispose_of_file(inbox: Path, path: Path, stamp: FileStamp, policy: Dispose) -> Disposal:
    """Delete, keep or archive a file that is done with; never touch one that changed meanwhile.

    A file that cannot be removed is kept and the reason given: the import has happened all the same.

    Args:
        inbox: The inbox that it lies in.
        path: The file.
        stamp: What it was when it was imported.
        policy: What the inbox asks for.
    """
    if policy == "keep":
        return Disposal(Fate.KEPT, "the file is left where it is")
    try:
        if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return Disposal(Fate.KEPT, "the medium is read-only: the file is left where it is")
        if stamp_of(path.lstat()) != stamp:
            return Disposal(Fate.GONE, "the file was replaced meanwhile: the new one is left for the next turn")
        if policy == "archive":
            return _archive(inbox, path)
        path.unlink()
        fsync_directory(path.parent)
    except FileNotFoundError:
        return Disposal(Fate.GONE, "somebody has removed the file already")
    except OSError as error:
        if error.errno == errno.EINVAL and not path.exists():  # the file system cannot sync a directory
            return Disposal(Fate.DELETED, "the file is removed")
        return Disposal(Fate.KEPT, f"the file could not be removed ({error.strerror}): it is left where it is")
    return Disposal(Fate.DELETED, "the file is removed")


def dispose_of_side_file(inbox: Path, path: Path, policy: Dispose) -> None:
    """Do with a file that belongs to a bundle (its recovery data) what was done with the bundle."""
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            dispose_of_file(inbox, path, stamp_of(status), policy)


def _archive(inbox: Path, path: Path) -> Disposal:
    directory = inbox / ARCHIVE_NAME
    directory.mkdir(exist_ok=True)
    destination, number = directory / path.name, 1
    while os.path.lexists(destination):
        destination, number = directory / f"{path.stem}.{number}{path.suffix}", number + 1
    path.rename(destination)
    fsync_directory(directory)
    fsync_directory(path.parent)
    return Disposal(Fate.ARCHIVED, f"the file is moved to {destination}")
