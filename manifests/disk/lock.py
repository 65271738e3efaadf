"""One writer at a time, across processes: an advisory lock that dies with its holder."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from manifests.disk.durable import storage_errors
from manifests.errors import LockedError, StorageError

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF})
"""What flock(2) says where the file system has none: NFS without a lock daemon, some of FUSE, overlays and clusters."""
_POLL_SECONDS = 0.1


@contextmanager
def exclusive_lock(path: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Take the lock file ``path`` for the block.

    Args:
        path: The lock file; created when absent, never removed (removing would race).
        wait_seconds: How long to wait for another holder.

    Raises:
        LockedError: ``lock.held``; names the process that has it.
        StorageError: ``storage.no-locks``; or the lock file cannot be made.
    """
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                lock_open_file(descriptor, path, wait=False)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                    raise LockedError(
                        "lock.held",
                        f"Another process works in {path.parent}",
                        have=f"process {holder} holds {path.name}",
                        todo="wait until it is done, then run the command again",
                    ) from None
                time.sleep(_POLL_SECONDS)
        with suppress(OSError):  # who has it is only a courtesy; on a full disk the lock must work all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        unlock_open_file(descriptor)
        os.close(descriptor)


def lock_open_file(descriptor: int, path: Path, *, wait: bool) -> None:
    """Lock an open file for this process alone, waiting for whoever has it or not.

    Raises:
        BlockingIOError: Another process has it, and nobody shall wait.
        StorageError: ``storage.no-locks``, or asking failed.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            with storage_errors(path):
                raise
        raise StorageError(
            "storage.no-locks",
            f"The file system of {path.parent} has no locks",
            have=os.strerror(error.errno or 0),
            need="a local file system, or a network file system whose lock service runs",
            todo="move the home to a local disk and name it with --home; on NFS, start rpc.statd or use version 4",
            path=path,
            errno=error.errno,
        ) from error


def unlock_open_file(descriptor: int) -> None:
    """Give a lock back before the file is closed: a child on its way to exec still shares the descriptor."""
    with suppress(OSError):  # without locks there is none to give back
        fcntl.flock(descriptor, fcntl.LOCK_UN)
