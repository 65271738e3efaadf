"""Progress of a long piece of work, and the token by which it is cancelled."""

from __future__ import annotations

import threading
from typing import Protocol


class Progress(Protocol):
    """Told how far a long piece of work is. ``total`` and ``done`` in bytes."""

    def start(self, step: str, total: int | None = None) -> None:
        """Begin a step."""

    def advance(self, done: int) -> None:
        """Count ``done`` more bytes of the step."""


class NoProgress:
    """Progress that nobody sees."""

    def start(self, step: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, done: int) -> None:
        """Do nothing."""


class CancelledError(Exception):
    """A piece of work was given up because its token says so; it left everything as a crash there would."""


class CancelToken:
    """Cancels a piece of work that runs in another thread: it asks between its steps, and within long ones."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Cancel the work; a second time changes nothing."""
        self._cancelled.set()

    def raise_if_cancelled(self) -> None:
        """Give the work up if it is cancelled.

        Raises:
            CancelledError: It is.
        """
        if self._cancelled.is_set():
            raise CancelledError
