"""Reading files that somebody else may be writing: what was read is one state, or it is refused."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from bundler.sources.base import JSON
from manifests.disk.blobs import CHUNK_BYTES
from manifests.errors import FetchError
from manifests.progress import Progress

_ATTEMPTS = 3
"""How often a set of files that changes under our eyes is read again before it is refused."""
_SETTLED_NS = 5_000_000_000
"""A file touched within the last five seconds may change again without its times showing it (FAT counts in
steps of two seconds), so its digest is not taken over to the next pull."""

F = TypeVar("F")
R = TypeVar("R")


class ChangedError(Exception):
    """A file is not what it was a moment ago. Never leaves a kind of source: it is read again or refused."""


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


def settled_fingerprints(files: Mapping[str, Fingerprint], now: datetime) -> dict[str, JSON]:
    """Return the fingerprints that can be trusted to change when their file does."""
    latest = int(now.timestamp()) * 1_000_000_000 - _SETTLED_NS
    return {path: str(mark) for path, mark in files.items() if max(mark.modified_ns, mark.changed_ns) <= latest}


def read_settled(source: str, place: Path, find: Callable[[], F], read: Callable[[F], R]) -> tuple[F, R]:
    """Read a set of files in one state, once more where it changed meanwhile.

    Args:
        source: The source's name, for the error.
        place: What to name in the error where no single file is known to have changed.
        find: Lists the files with their fingerprints.
        read: Reads what was found.

    Returns:
        What was found, the same before and after it was read, and what was read of it.

    Raises:
        FetchError: ``directory.changing`` when it does not stand still for one whole reading; whatever ``find`` and
            ``read`` raise.
    """
    last: ChangedError | None = None
    for _ in range(_ATTEMPTS):
        try:
            found = find()
            result = read(found)
            if find() == found:
                return found, result
        except ChangedError as error:
            last = error
    raise _changing(source, last or place)


@contextmanager
def refusing_changes(source: str) -> Iterator[None]:
    """Refuse a source whose files change while the block lists them.

    Raises:
        FetchError: ``directory.changing``.
    """
    try:
        yield
    except ChangedError as error:
        raise _changing(source, error) from error


def _changing(source: str, what: object) -> FetchError:
    return FetchError(
        "directory.changing",
        f"Source {source!r}: {what} changes while it is read",
        have=f"{_ATTEMPTS} attempts, each with another content",
        todo="write beside and rename into place, or pull when the writer is done",
    )


@contextmanager
def read_errors(path: Path, todo: str | None = None) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a :class:`FetchError` that names the file.

    Args:
        path: The file or directory.
        todo: What the operator can do where it may not be read.

    Raises:
        FetchError: ``directory.missing`` or ``directory.unreadable``.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FetchError("directory.missing", f"{str(path)!r} is not there, or no directory") from error
    except OSError as error:
        raise FetchError(
            "directory.unreadable", f"{str(path)!r} cannot be read ({error.strerror})", todo=todo
        ) from error


@contextmanager
def taken_for_changes(path: Path) -> Iterator[None]:
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
def open_settled(path: Path, expected: Fingerprint) -> Iterator[BinaryIO]:
    """Open the very file that was seen before, and look again when the block is done.

    Raises:
        ChangedError: It is gone, or another, or was written to meanwhile.
        FetchError: ``directory.unreadable``.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with read_errors(path):
        with taken_for_changes(path):
            descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            _check(path, descriptor, expected)
            yield file
            _check(path, descriptor, expected)


def settled_chunks(path: Path, file: BinaryIO, expected: Fingerprint, progress: Progress) -> Iterator[bytes]:
    """Yield the bytes of a file that :func:`open_settled` opened, from its beginning, telling the progress.

    Raises:
        ChangedError: It is not as long as it was.
        FetchError: ``directory.unreadable``.
    """
    length = 0
    with read_errors(path):
        while chunk := file.read(CHUNK_BYTES):
            progress.advance(len(chunk))
            length += len(chunk)
            yield chunk
    if length != expected.length:
        raise ChangedError(str(path))


def _check(path: Path, descriptor: int, expected: Fingerprint) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or Fingerprint.of(status) != expected:
        raise ChangedError(str(path))
