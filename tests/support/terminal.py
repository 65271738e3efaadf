"""A person at a terminal of 80 columns and 24 lines: a real pty, which is the command's controlling terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.commands import clean_environment

COLUMNS, LINES = 80, 24
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]")


@dataclass
class Terminal:
    """One command on a terminal of its own. ``shown`` is all that came out of it, control sequences too."""

    command: Sequence[object]
    cwd: Path | None = None
    variables: dict[str, object] = field(default_factory=dict)
    shown: str = ""
    _read_up_to: int = 0
    _pid: int = 0
    _screen: int = -1

    def __enter__(self) -> Self:
        arguments = [str(part) for part in self.command]
        environment = clean_environment(TERM="xterm-256color", LINES=LINES, **self.variables)
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
            os.chdir(self.cwd or Path.cwd())
            os.execve(arguments[0], arguments, environment)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._screen)

    def answer(self, question: str, answer: str, seconds: float = 60) -> None:
        """Wait for a question (a regular expression), see that it stays on the screen, type the answer."""
        deadline = time.monotonic() + seconds
        while (found := re.search(question, self.text())) is None:
            if not self._read(deadline):
                raise AssertionError(f"{question!r} was not asked:\n{self.shown}")
        self._read_up_to += found.end()
        while self._read(time.monotonic() + 0.5):  # a live display draws itself ten times a second
            pass
        after = self.shown[self.shown.rindex(found[0].strip()) :]
        assert "\x1b[2K" not in after, f"{question!r} was erased:\n{after!r}"
        os.write(self._screen, f"{answer}\n".encode())

    def end(self, seconds: float = 120) -> int:
        """Wait for the command's end and return its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        assert time.monotonic() < deadline, f"it does not end:\n{self.shown}"
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def text(self) -> str:
        """Return what was shown since the last question, without control sequences."""
        return self.whole()[self._read_up_to :]

    def whole(self) -> str:
        """Return all that was shown, without control sequences."""
        return _CONTROL.sub("", self.shown).replace("\r\n", "\n")

    def _read(self, deadline: float) -> bool:
        """Take in what the command shows next; False when there is nothing until the deadline, or no more ever."""
        ready, _, _ = select.select([self._screen], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # Linux says EIO when the last process on the terminal is gone
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)
