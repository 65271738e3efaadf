"""Timing commands: one at a time, from a page cache that is the same for all, with their peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile

BINARIES = Path(sys.executable).parent
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """One run: wall and processor seconds, peak resident memory in bytes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Row:
    """One line of the table; ``met`` is None where there is no goal."""

    work: str
    ours: str
    beside: str
    ratio: str
    goal: str
    met: bool | None


def run(command: Sequence[str | Path], warm: Iterable[Path] = ()) -> Sample:
    """Run a command to its end, with nothing waiting to be written and its input in the page cache."""
    for path in warm:
        with path.open("rb", buffering=0) as file:
            while file.read(CHUNK_BYTES):
                pass
    os.sync()
    start = time.perf_counter()
    with TemporaryFile() as said:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=said, env=environment()
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"bench: {command} ended with {process.returncode}\n{said.read().decode()}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def environment() -> dict[str, str]:
    """Return what commands need of the environment, and nothing that changes what they do."""
    return {"PATH": f"{BINARIES}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8"}


def interleaved(rounds: int, contenders: Sequence[Callable[[int], Sample]]) -> list[list[Sample]]:
    """Run every contender once a round, so that a busy machine is busy for all of them."""
    samples: list[list[Sample]] = [[] for _ in contenders]
    for number in range(rounds):
        for contender, kept in zip(contenders, samples, strict=True):
            kept.append(contender(number))
    return samples


def seconds(samples: Iterable[Sample]) -> float:
    """Return the median wall time."""
    return median(sample.seconds for sample in samples)


def ratio(above: Iterable[Sample], below: Iterable[Sample]) -> float:
    """Return the median of the ratios round by round: what is measured side by side stays side by side."""
    return median(a.seconds / b.seconds for a, b in zip(above, below, strict=True))


def peak(samples: Iterable[Sample]) -> int:
    """Return the highest peak memory in bytes."""
    return max(sample.peak_bytes for sample in samples)


def speed(length: int, samples: Sequence[Sample]) -> str:
    """Say a time, how much of a processor it took, and how fast it went through so many bytes."""
    taken = seconds(samples)
    return f"{taken:.2f} s ({median(s.cpu_seconds for s in samples):.2f} s cpu), {length / taken / 1e6:,.0f} MB/s"


WIDTHS = (42, 34, 66, 11, 10, 6)
HEADING = Row("work", "ours", "beside", "ratio", "goal", None)


def show(rows: Iterable[Row]) -> None:
    """Print lines of the table."""
    for row in rows:
        verdict = {True: "met", False: "MISSED", None: ""}[row.met]
        cells = (row.work, row.ours, row.beside, row.ratio, row.goal, verdict)
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip(), flush=True)
