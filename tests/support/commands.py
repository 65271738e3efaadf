"""Run commands as a person would: to their end, nothing on stdin, an environment without anybody's settings."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.forked import run_forked

BIN = Path(sys.executable).parent
"""Where ``bundle``, ``relay`` and ``python`` of this environment are."""
OURS = {str(BIN / name) for name in ("bundle", "relay")}


def clean_environment(**variables: object) -> dict[str, str]:
    """Return a minimal environment; developer machines set CURL_CA_BUNDLE and the like, which beat options."""
    base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), "LC_ALL": "C.UTF-8", "COLUMNS": "80"}
    return base | {name: str(value) for name, value in variables.items()}


def run(
    command: Sequence[object], *, check: bool = True, cwd: Path | None = None, timeout: float = 300, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end with captured text; with ``check``, fail with all that it printed."""
    program, *arguments = [str(part) for part in command]
    environment = clean_environment(**variables)
    if program in OURS:
        done = run_forked(Path(program), arguments, cwd=cwd, timeout=timeout, environment=environment)
    else:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if check and done.returncode != 0:
        raise AssertionError(f"{command[0]} left with {done.returncode}: {command}\n{done.stdout}\n{done.stderr}")
    return done


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str, log: Callable[[], str] = str) -> None:
    """Poll a condition that somebody can observe; fail with the log when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s\n{log()}")
        time.sleep(0.05)
