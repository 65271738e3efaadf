"""Being stopped: what is half done is removed first, for SIGTERM and a closed terminal as for Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
"""What stops a command, and who has to have it until now: nohup, and a service of its own, are left alone."""
_PATIENCE = 3
"""So many signals end the process at once, should tidying up hang on a medium that does not answer."""


class StoppedError(BaseException):
    """Somebody stopped the command. Not an error of ours, and caught by nothing but the last frame, as Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stopping_in_order(name: str) -> Iterator[None]:
    """Let the first signal that stops the command unwind it, and the next one wait until that is done.

    Args:
        name: The program's, for what is said meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            raise KeyboardInterrupt if number == signal.SIGINT else StoppedError(number)
        if len(received) >= _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        print(f"{name}: removing what is half done; once more ends it at once", file=sys.stderr)

    ours = {number: usual for number, usual in _STOPPING.items() if signal.getsignal(number) == usual}
    try:
        for number in ours:
            signal.signal(number, stop)
        yield
    finally:
        for number, usual in ours.items():
            signal.signal(number, usual)
