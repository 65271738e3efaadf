"""SHA-256 on a second core, beside reading, inflating and writing the same bytes."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final

WORTHWHILE_BYTES: Final = 128 * 1024
"""Pieces below are hashed on the spot: handing one over costs some 30 microseconds, hashing this much 80."""


class SideHasher:
    """Hashes one thing after the other; large pieces in a thread of its own, one piece behind.

    Use it as a context manager. It keeps at most one piece that the caller has let go of.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None
        self._hasher = hashlib.sha256()
        self.length = 0

    def __enter__(self) -> SideHasher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def begin(self) -> None:
        """Forget what was hashed so far and begin with the next thing."""
        self._wait()
        self._hasher = hashlib.sha256()
        self.length = 0

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._wait()
        self.length += len(piece)
        if len(piece) < WORTHWHILE_BYTES:
            self._hasher.update(piece)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "sha256")
        self._pending = self._pool.submit(self._hasher.update, piece)

    def hexdigest(self) -> str:
        """Return the digest of all bytes since :meth:`begin`, in lower-case hex."""
        self._wait()
        return self._hasher.hexdigest()

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None
