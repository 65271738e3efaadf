"""Reading files that somebody else may be writing: what was read is one state, or it is refused."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from manifests.blobs import CHUNK_BYTES
from manifests.errors import FetchError
from manifests.progress import Progress

ATTEMPTS = 3
"""How often a set of files that changes under our eyes is read again before it is refused."""


class ChangedError(Exception):
    """A file is not what it was a moment ago. Never leaves the sources: they retry or refuse."""


@dataclass(frozen=True)
class Fingerprint:
    """What tells one state of a file from another without reading it. Times in nanoseconds."""

    device: int
    inode: int
    length: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        """Take the fingerprint from a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def __str__(self) -> str:
        return f"{self.device}:{self.inode}:{self.length}:{self.modified_ns}:{self.changed_ns}"


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a :class:`FetchError` that names the file.

    Raises:
        FetchError: ``directory.missing`` or ``directory.unreadable``.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FetchError("directory.missing", f"{str(path)!r} is not there, or no directory") from error
    except OSError as error:
        raise FetchError("directory.unreadable", f"{str(path)!r} cannot be read ({error.strerror})") from error


@contextmanager
def changes(path: Path) -> Iterator[None]:
    """Take it for a change when something that was listed a moment ago is gone, or a link now.

    Raises:
        ChangedError: It is gone, or another kind of entry.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise ChangedError(str(path)) from error
        raise


def require_regular(name: str, path: Path, mode: int, todo: str) -> None:
    """Refuse what is no regular file.

    Args:
        name: The source's.
        path: What to name in the error.
        mode: Its ``st_mode``, links not followed.
        todo: What the operator can do.

    Raises:
        FetchError: ``directory.link`` or ``directory.special``.
    """
    if not stat.S_ISREG(mode):
        kind = "link" if stat.S_ISLNK(mode) else "directory" if stat.S_ISDIR(mode) else "special file"
        raise FetchError(
            "directory.link" if kind == "link" else "directory.special",
            f"Source {name!r}: {str(path)!r} is a {kind}",
            need="regular files only",
            todo=todo,
        )


@contextmanager
def opened(path: Path, expected: Fingerprint) -> Iterator[BinaryIO]:
    """Open the very file that was seen before, and look again when the block is done.

    Raises:
        ChangedError: It is gone, or another, or was written to meanwhile.
        FetchError: ``directory.unreadable``.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with read_errors(path):
        with changes(path):
            descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            _check(path, descriptor, expected)
            yield file
            _check(path, descriptor, expected)


def chunks(path: Path, file: BinaryIO, progress: Progress) -> Iterator[bytes]:
    """Yield a file's bytes from where it stands, telling the progress.

    Raises:
        FetchError: ``directory.unreadable``.
    """
    with read_errors(path):
        while chunk := file.read(CHUNK_BYTES):
            progress.advance(len(chunk))
            yield chunk


def _check(path: Path, descriptor: int, expected: Fingerprint) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or Fingerprint.of(status) != expected:
        raise ChangedError(str(path))
