"""Work in a forked child that may be killed or cut off at any instant, and what it acknowledged until then."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

Acknowledge = Callable[[], None]


@dataclass(frozen=True)
class Ended:
    """How a child ended. ``status`` is negative for a signal, as in :mod:`subprocess`."""

    acknowledged: int
    status: int


class Child:
    """A fork of this process that waits for :meth:`go`, then works.

    Args:
        work: Called in the child with a function that acknowledges one piece of work; what it returns is the
            exit code, an exception is 99.
    """

    def __init__(self, work: Callable[[Acknowledge], int]) -> None:
        gate, self._gate = os.pipe()
        self._said, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._gate)
            _work(work, gate, said)
        os.close(gate)
        os.close(said)

    def go(self) -> None:
        """Let the child begin."""
        os.close(self._gate)

    def acknowledged(self) -> int:
        """Return how many pieces of work it has acknowledged until now."""
        waiting: int = struct.unpack("i", fcntl.ioctl(self._said, termios.FIONREAD, bytes(4)))[0]
        return waiting

    def wait(self) -> Ended:
        """Wait for the child's end."""
        acknowledged = 0
        while data := os.read(self._said, 4096):
            acknowledged += len(data)
        os.close(self._said)
        return Ended(acknowledged, os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]))


def _work(work: Callable[[Acknowledge], int], gate: int, said: int) -> NoReturn:
    status = 99
    try:
        os.read(gate, 1)
        status = work(lambda: _say(said))
    finally:
        os._exit(status)


def _say(said: int) -> None:
    os.writev(said, [b"."])  # a call that no test makes fail


def run_traced(work: Callable[[Acknowledge], int], *strace: str) -> Ended:
    """Run a child under strace, which may kill it or fail its system calls; strace begins before the work does."""
    child = Child(work)
    command = ["strace", "-f", "-p", str(child.pid), *strace]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        assert "attached" in line, line
        child.go()
        ended = child.wait()
    except BaseException:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        raise
    finally:
        tracer.communicate()
    return ended
