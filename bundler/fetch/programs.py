"""Running a program of the operator's or a vendor's: no shell, a clean environment, an end in time, bounded output.

The program is the leader of a process group of its own. When it ends, or its time is up, or the pull is
interrupted, whatever is left of the group is killed, so that nobody writes into its files any more.
"""

from __future__ import annotations

import os
import re
import secrets
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from manifests.disk.durable import storage_errors
from manifests.errors import FetchError
from manifests.limits import MIB
from manifests.progress import Progress
from manifests.text import count_text, printable

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTPUT_BYTES = MIB
"""What is kept of each of the two streams, from the end: a program may print for hours."""
_SHOWN_LINES = 10
_SHOWN_CHARACTERS = 1000
_PIPE_BYTES = 65_536
_TICK_SECONDS = 0.5
"""How often the progress is told that we wait, which is also where an interruption is noticed."""
_BLANKS = re.compile(r"\s")
_LEAST_SECRET = 4
"""Shorter values are not hidden: they would blacken every other word."""


@dataclass(frozen=True)
class Program:
    """What to run.

    Args:
        source: The source's name, for errors.
        code: First part of the errors' codes: the kind.
        arguments: The program's absolute path, then its arguments.
        timeout_seconds: The longest that it may take.
        environment: Variables beside the few that every program gets.
        secret: Values that must not be shown, wherever the program prints them.
    """

    source: str
    code: str
    arguments: tuple[str, ...]
    timeout_seconds: float
    environment: Mapping[str, str]
    secret: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The program, for people."""
        return f"Source {self.source!r}: {self.arguments[0]}"

    def error(
        self, reason: str, what: str, *, have: str | None = None, need: str | None = None, todo: str | None = None
    ) -> FetchError:
        """Return an error about the program."""
        return FetchError(f"{self.code}.{reason}", f"{self.what} {what}", have=have, need=need, todo=todo)


@dataclass(frozen=True)
class Printed:
    """The ends of what a program printed, as text."""

    output: str
    errors: str


@dataclass(frozen=True)
class Workspace:
    """Where a program works: a directory that goes with all that is in it.

    Args:
        path: The directory.
        out: In it: the program's working directory.
        scratch: In it: for its temporary files, and its ``HOME``.
    """

    path: Path
    out: Path
    scratch: Path


@contextmanager
def fresh_workspace(temporary: Path, kind: str) -> Iterator[Workspace]:
    """Yield a workspace that is removed in every case; first remove what a crash left. Under the home's lock.

    Args:
        temporary: The home's temporary directory.
        kind: Begins the directory's name.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors(temporary):
        for left in temporary.glob(f"{kind}-*"):
            _remove(left)
        path = temporary / f"{kind}-{secrets.token_hex(8)}"
        path.mkdir(mode=0o700)
    made = Workspace(path, path / "out", path / "scratch")
    try:
        with storage_errors(path):
            made.out.mkdir()
            made.scratch.mkdir()
        yield made
    finally:
        _remove(path)


def require_program(program: Program) -> None:
    """Refuse a program that is not there or cannot be run.

    Raises:
        FetchError: ``<kind>.not-found`` or ``<kind>.not-executable``.
    """
    path = Path(program.arguments[0])
    if not path.is_file():
        raise program.error("not-found", "is not there", todo="install it, or correct its path in bundler.toml")
    if not os.access(path, os.X_OK):
        raise program.error("not-executable", "cannot be run by this user", todo="chmod +x, or run it by its shell")


def run_source_program(program: Program, workspace: Workspace, progress: Progress) -> Printed:
    """Run a program to its good end.

    Args:
        program: What to run.
        workspace: Where it works.
        progress: Told that we wait.

    Returns:
        What it printed.

    Raises:
        FetchError: ``<kind>.not-found``, ``.not-executable``, ``.timeout``, or ``.failed`` for any other exit code
            than 0.
    """
    require_program(program)
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": str(workspace.scratch), "TMPDIR": str(workspace.scratch)}
    try:
        child = subprocess.Popen(
            program.arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=workspace.out,
            env=environment | dict(program.environment),
            start_new_session=True,
        )
    except OSError as error:
        raise program.error("not-executable", f"cannot be run ({error.strerror})") from error
    with child:
        try:
            streams = _Streams(child)
            in_time = streams.until_end(child, program.timeout_seconds, progress)
        finally:
            _kill_group(child)
    printed = Printed(*(_clean(program, data) for data in streams.ends))
    if not in_time:
        raise program.error(
            "timeout",
            f"did not end within {count_text(program.timeout_seconds, 'second')} and was killed",
            have=last_lines(printed),
            todo="raise timeout_seconds if it needs longer",
        )
    if child.returncode != 0:
        raise program.error("failed", _ending(child.returncode), have=last_lines(printed))
    return printed


def last_lines(printed: Printed) -> str | None:
    """Return the last lines of what was printed on stderr, else on stdout, fit for an error."""
    text = printed.errors.strip() or printed.output.strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:] or None


class _Streams:
    """Reads both streams as they come, so that the program never waits for us, and keeps their ends."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._files: list[IO[bytes]] = [file for file in (child.stdout, child.stderr) if file is not None]
        self._kept = {file.fileno(): bytearray() for file in self._files}
        for descriptor in self._kept:
            os.set_blocking(descriptor, False)

    @property
    def ends(self) -> Sequence[bytes]:
        """What is kept: of stdout, of stderr."""
        return [bytes(kept) for kept in self._kept.values()]

    def until_end(self, child: subprocess.Popen[bytes], seconds: float, progress: Progress) -> bool:
        """Read until the program itself has ended; tell whether that was in time.

        A background process that keeps the streams open is not waited for.
        """
        deadline = time.monotonic() + seconds
        ended = os.pidfd_open(child.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for descriptor in (ended, *self._kept):
                    selector.register(descriptor, selectors.EVENT_READ)
                while (left := deadline - time.monotonic()) > 0:
                    ready = [key.fd for key, _ in selector.select(min(left, _TICK_SECONDS))]
                    progress.advance(0)
                    for descriptor in ready:
                        if descriptor in self._kept and self._read(descriptor) == 0:
                            selector.unregister(descriptor)
                    if ended in ready:
                        return True
            return False
        finally:
            os.close(ended)
            for descriptor in self._kept:
                self._drain(descriptor)

    def _drain(self, descriptor: int) -> None:
        """Read what waits in a pipe, which is no more than a pipe takes even while somebody goes on writing."""
        for _ in range(MIB // _PIPE_BYTES):
            if not self._read(descriptor):
                return

    def _read(self, descriptor: int) -> int | None:
        """Read once; return how much came: 0 at the end, ``None`` when nothing waits."""
        try:
            data = os.read(descriptor, _PIPE_BYTES)
        except BlockingIOError:
            return None
        kept = self._kept[descriptor]
        kept += data
        del kept[: max(len(kept) - OUTPUT_BYTES, 0)]
        return len(data)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill the group while its leader, ended or not, still has its number."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def _clean(program: Program, data: bytes) -> str:
    """Return printed bytes as text that no terminal obeys and that shows no secret."""
    text = data.decode("utf-8", "replace")
    for value in sorted(program.secret, key=len, reverse=True):
        if len(value) >= _LEAST_SECRET:
            text = text.replace(value, "***")
    return "\n".join(printable(_BLANKS.sub(" ", line)) for line in text.split("\n"))


def _ending(status: int) -> str:
    if status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"left with {status}"


def _remove(path: Path) -> None:
    """Remove a directory, though the program may have taken the right to do so from parts of it."""
    with suppress(OSError):
        for directory, names, _ in os.walk(path):
            for inner in (Path(directory, name) for name in names):
                if not inner.is_symlink():
                    inner.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
