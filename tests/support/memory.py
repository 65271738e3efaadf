"""Peak memory of a command, as a small parent sees it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.commands import BIN, run

MIB = 1024 * 1024
CEILING_BYTES = 150_000_000

_MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL).returncode
if status != int(sys.argv[1]):
    sys.exit(f"left with {status}")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def peak_memory(command: Sequence[object], *, exit_code: int = 0, timeout: float = 900) -> int:
    """Run a command that leaves with this exit code, and return its peak resident memory in bytes.

    It is started by a small process: what a child shares with a large parent before it becomes another program
    counts as the child's.
    """
    return int(run([BIN / "python", "-c", _MEASURE, exit_code, *command], timeout=timeout).stdout)
