"""Run ``bundle`` and ``relay`` in a new process that need not import everything anew.

A server of :mod:`multiprocessing` has imported the heavy modules once; each command is forked from it, with its own
environment, directory and streams, which takes a quarter of the time. What is tried under strace, in a namespace, from
a shell or while it is killed starts the installed programs themselves.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

_PROGRAMS = {"bundle": "bundler.cli", "relay": "relay.cli"}
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        __name__,
        "bundler.cli.create",
        "bundler.jobs.create",
        "bundler.cli.verify",
        "relay.cli",
        "relay.importing.importer",
        "relay.status.facts",
    ]
)


def run_forked(
    program: Path, arguments: Sequence[str], *, cwd: Path | None, timeout: float, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run one of our programs to its end, as ``subprocess.run`` with captured text would.

    Raises:
        subprocess.TimeoutExpired: It was killed for taking too long.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        names = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        where = str(cwd or Path.cwd())
        process = _CONTEXT.Process(
            target=_become, args=(str(program), list(arguments), where, dict(environment), names)
        )
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([str(program), *arguments], timeout, _text(out), _text(err))
        code = process.exitcode
        process.close()
        assert code is not None
        return subprocess.CompletedProcess([str(program), *arguments], code, _text(out), _text(err))


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8")


def _become(program: str, arguments: list[str], where: str, environment: dict[str, str], names: list[str]) -> None:
    """In the new process: take over streams, directory and environment, then run the program's entry point."""
    streams = [os.open("/dev/null", os.O_RDONLY), *(os.open(name, os.O_WRONLY | os.O_APPEND) for name in names)]
    for wanted, stream in enumerate(streams):
        os.dup2(stream, wanted)
        os.close(stream)
    for text, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        assert isinstance(text, TextIOWrapper)
        text.reconfigure(encoding="utf-8", errors=errors, line_buffering=text is sys.stderr)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(where)
    sys.argv = [program, *arguments]
    importlib.import_module(_PROGRAMS[Path(program).name]).main()
