"""A file that somebody named: read whole, but never more of it than its kind can have.

What is named by mistake is a disk image, a device, a directory, or a pipe that nobody writes to. Each is told from the
right file before it costs memory or time; a device is not even opened, because opening some does something.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from manifests.disk.durable import storage_errors
from manifests.errors import ConfigurationError, UsageError

PIPE_SECONDS = 120.0
"""How long a pipe may say nothing; a person may have to unlock what writes to it."""
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class GivenFile:
    """What a named file holds, and who may do something with it.

    Args:
        data: All its bytes.
        mode: Its permissions; 0 of a pipe, which has none that matter.
    """

    data: bytes
    mode: int


def read_given_file(
    path: Path,
    *,
    max_bytes: int,
    what: str,
    error: type[UsageError | ConfigurationError] = UsageError,
    pipe_seconds: float = PIPE_SECONDS,
) -> GivenFile:
    """Read a file that somebody named, or what a pipe under that name brings until its end.

    Args:
        path: The file, as it was named.
        max_bytes: The most that such a file can have.
        what: What it should be, with its article, for the errors.
        error: What is raised: by default a command line is wrong, else a file of ours.
        pipe_seconds: How long a pipe may say nothing.

    Raises:
        UsageError, ConfigurationError: ``file.missing``, ``file.kind``, ``file.too-large`` or ``file.silent``.
        StorageError: It cannot be read.
    """
    with storage_errors(path):
        try:
            status = path.stat()  # follows links: /dev/stdin is one, and so are files of a secret store
            _require_readable_kind(path, status, what, error)
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except (FileNotFoundError, NotADirectoryError):
            raise error("file.missing", f"There is no file {path}", need=what, todo="check the path") from None
        except OSError as failed:
            if failed.errno not in {errno.ENXIO, errno.ENODEV}:
                raise
            raise _wrong_kind(path, "a socket or a device", what, error) from None
        try:
            status = os.fstat(descriptor)
            _require_readable_kind(path, status, what, error)
            if stat.S_ISREG(status.st_mode) and status.st_size > max_bytes:
                raise _too_large(path, f"{status.st_size:,} bytes", max_bytes, what, error)
            pipe = stat.S_ISFIFO(status.st_mode)
            data = _read_bounded(descriptor, max_bytes, pipe_seconds if pipe else None)
        except TimeoutError:
            raise error(
                "file.silent",
                f"Nothing came out of the pipe {path} for {pipe_seconds:g} seconds",
                need=what,
                todo="name a file, or start what writes to the pipe",
            ) from None
        finally:
            os.close(descriptor)
    if len(data) > max_bytes:
        raise _too_large(path, f"more than {max_bytes:,} bytes", max_bytes, what, error)
    return GivenFile(data, 0 if pipe else stat.S_IMODE(status.st_mode))


@contextmanager
def open_given_file(path: Path, *, what: str) -> Iterator[BinaryIO]:
    """Open a file that somebody named, and that is read in place: no pipe.

    Args:
        path: The file, as it was named.
        what: What it should be, with its article, for the errors.

    Raises:
        UsageError: ``file.missing`` or ``file.kind``.
        StorageError: It cannot be read.
    """
    with storage_errors(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path.is_file() else None
        except (FileNotFoundError, NotADirectoryError):
            descriptor = None
        if descriptor is None and not path.exists():
            raise UsageError("file.missing", f"There is no file {path}", need=what, todo="check the path")
        if descriptor is None:
            raise _wrong_kind(path, "no regular file", what, UsageError)
        with os.fdopen(descriptor, "rb") as file:
            yield file


def _read_bounded(descriptor: int, max_bytes: int, pipe_seconds: float | None) -> bytes:
    """Read to the end, but at most one byte more than may be.

    Raises:
        TimeoutError: It is a pipe, and says nothing.
    """
    parts: list[bytes] = []
    room = max_bytes + 1
    while room:
        if pipe_seconds is not None:
            _await_pipe(descriptor, pipe_seconds)
        part = os.read(descriptor, min(room, _CHUNK_BYTES))
        if not part:
            break
        parts.append(part)
        room -= len(part)
    return b"".join(parts)


def _await_pipe(descriptor: int, seconds: float) -> None:
    """Wait for bytes or the end of a pipe. One that nobody has opened for writing yet has no end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + seconds
    while not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        if time.monotonic() >= deadline:
            raise TimeoutError


def _require_readable_kind(
    path: Path, status: os.stat_result, what: str, error: type[UsageError | ConfigurationError]
) -> None:
    mode = status.st_mode
    if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
        return
    kind = "a directory" if stat.S_ISDIR(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    raise _wrong_kind(path, kind, what, error)


def _wrong_kind(
    path: Path, kind: str, what: str, error: type[UsageError | ConfigurationError]
) -> UsageError | ConfigurationError:
    return error("file.kind", f"{path} is {kind}", need=what)


def _too_large(
    path: Path, have: str, max_bytes: int, what: str, error: type[UsageError | ConfigurationError]
) -> UsageError | ConfigurationError:
    return error("file.too-large", f"{path} is too large", have=have, need=f"{what}, at most {max_bytes:,} bytes")
