"""Measure and print; see ``scripts/bench``."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
from pathlib import Path

from scripts.benches.measure import HEADING, show
from scripts.benches.rows import Bench, Size
from scripts.benches.year import year
from tests.support.year_content import FULL, SHORT

ROWS = ("large", "text", "small", "start")
UNITS = {"GiB": 2**30, "MiB": 2**20, "GB": 10**9, "MB": 10**6}


def main() -> None:
    """Run the rows that were asked for, in a directory that is removed again."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Each figure beside its limit or its rival.")
    parser.add_argument(
        "rows", nargs="*", choices=[*ROWS, "year", []], help=f"which of {', '.join(ROWS)} (all by default), or year"
    )
    parser.add_argument("--quick", action="store_true", help="the same in small")
    parser.add_argument(
        "--long", action="store_true", help="year: 60 days, 200 MB of patterns; without it 12 days, 4 MB"
    )
    parser.add_argument("--size", type=length, help="of the incompressible content, such as 2GiB")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved runs of each; the median counts (3)")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="where to work")
    asked = parser.parse_args()
    for tool in ("xdelta3",) if asked.rows == ["year"] else ("zip", "unzip"):
        if shutil.which(tool) is None:
            parser.error(f"{tool} is not installed")
    size = Size(2**28, 64_000_000, 2_000) if asked.quick else Size(2**31, 500_000_000, 10_000)
    size = Size(asked.size or size.large_bytes, size.text_bytes, size.small_files)
    print(header(asked.rounds), flush=True)
    show([HEADING])
    with tempfile.TemporaryDirectory(prefix="sealift-bench-", dir=asked.directory) as directory:
        bench = Bench(Path(directory), size, asked.rounds)
        for name in asked.rows or ROWS:
            if name == "year":
                show(year(Path(directory), FULL if asked.long else SHORT))
            else:
                show(getattr(bench, name)())
        show(bench.memory())


def header(rounds: int) -> str:
    """Say on what machine, and how, the figures were measured."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return (
        f"{len(os.sched_getaffinity(0))} cores of {cpu.partition(':')[2].strip() or platform.processor()}, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} at the start\n"
        f"medians of {rounds} interleaved runs; inputs in the page cache, nothing waiting to be written\n"
    )


def length(text: str) -> int:
    """Read a length such as ``2GiB``."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text)


if __name__ == "__main__":
    main()
