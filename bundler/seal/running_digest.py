"""The digest of a file that is still being written, taken on the other core."""

from __future__ import annotations

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from manifests.disk.blobs import CHUNK_BYTES
from manifests.disk.durable import storage_errors


class RunningDigest:
    """Reads a file behind its writer, as far as it is final, and hashes it in a thread of its own.

    Use it as a context manager: however the block is left, the thread has ended then. It has one chunk in memory.

    Args:
        path: The file; it is there when :meth:`reach` is first called.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hasher = hashlib.sha256()
        self._done = 0
        self._left = False
        self._pool = ThreadPoolExecutor(1, "running-digest")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        self._pool.shutdown(cancel_futures=True)

    def reach(self, end: int) -> None:
        """Say that nothing before ``end`` will change any more, and that it is no longer in a buffer of ours."""
        self._pool.submit(self._hash, end)

    def hexdigest(self) -> str:
        """Return the digest of the whole file, which is written now, in lower-case hex.

        Raises:
            StorageError: It cannot be read.
        """
        self._pool.submit(self._hash, sys.maxsize).result()
        return self._hasher.hexdigest()

    def _hash(self, end: int) -> None:
        """Go on to ``end``. What fails here fails again in the same way for whoever asks for the digest."""
        with storage_errors(self._path), self._path.open("rb", buffering=0) as file:
            while self._done < end and not self._left:
                chunk = os.pread(file.fileno(), min(CHUNK_BYTES, end - self._done), self._done)
                if not chunk:
                    return
                self._hasher.update(chunk)
                self._done += len(chunk)
