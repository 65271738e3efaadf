"""One writer at a time, across processes: an advisory lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from manifests.disk.durable import storage_errors
from manifests.errors import LockedError

_POLL_SECONDS = 0.1


@contextmanager
def exclusive_lock(path: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Take the lock file ``path`` for the block.

    Args:
        path: The lock file; created when absent, never removed (removing would race).
        wait_seconds: How long to wait for another holder.

    Raises:
        LockedError: ``lock.held``; names the process that has it.
    """
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child on its way to exec still shares the descriptor
        os.close(descriptor)
