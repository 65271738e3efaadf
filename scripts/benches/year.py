"""Days of carrying to five sites: the bytes beside full bundles, and beside xdelta3 between the same days."""

from __future__ import annotations

import tarfile
from collections import Counter
from pathlib import Path

from scripts.benches.measure import Row, run
from tests.support.year import SEED, SITES, Record, Simulation
from tests.support.year_content import FULL, Scale, Year

GOAL_PERCENT = 3
XDELTA = ("xdelta3", "-e", "-9", "-S", "lzma", "-f")


def year(directory: Path, scale: Scale) -> list[Row]:
    """Let the days pass, then count; lost, late and damaged sticks count like the others."""
    record = Simulation(directory, scale, SEED).run()
    print(f"{record.text()}\n", flush=True)
    return rows(record, directory, scale)


def rows(record: Record, directory: Path, scale: Scale) -> list[Row]:
    """Return the table of what was carried. ``directory`` has room for the days as tar files."""
    work = f"carried: {scale.days} days, {len(SITES)} sites, {len(record.trips)} sticks"
    percent = 100 * record.carried / record.whole
    first = [trip.sealed for trip in record.trips if trip.fate == "setup"]
    after, after_whole = record.carried - sum(s.carried for s in first), record.whole - sum(s.whole for s in first)
    documents = sum(trip.sealed.documents for trip in record.trips if trip.fate != "setup")
    theirs = _xdelta(directory / "xdelta", scale, record)
    return [
        Row(
            work,
            f"{record.carried:,} B",
            f"always full: {record.whole:,} B",
            f"{percent:.2f} %",
            f"<= {GOAL_PERCENT} %" if scale is FULL else "",
            percent <= GOAL_PERCENT if scale is FULL else None,
        ),
        Row(
            "after the first stick of each site",
            f"{after:,} B",
            f"always full: {after_whole:,} B",
            f"{100 * after / after_whole:.2f} %",
            "",
            None,
        ),
        Row(
            "metadata and manifests in that", f"{documents:,} B", "", f"{100 * documents / after_whole:.2f} %", "", None
        ),
        Row(
            work,
            f"{record.carried:,} B",
            f"xdelta3 -9 of whole trees: {theirs:,} B",
            f"{record.carried / theirs:.2f} x",
            "",
            None,
        ),
    ]


def _xdelta(directory: Path, scale: Scale, record: Record) -> int:
    """Return what all sticks carry when each holds what xdelta3 makes of the same two days, as tar files."""
    wanted = Counter((trip.sealed.day, trip.sealed.base_day) for trip in record.trips)
    last_use = {base: day for day, base in sorted(wanted, key=lambda pair: pair[0]) if base is not None}
    content = Year(directory / "content", scale, SEED)
    total = 0
    for day in range(1, scale.days + 1):
        content.advance(day)
        new, patch = directory / f"{day}.tar", directory / "patch"
        with tarfile.open(new, "w") as tar:
            for name, path in content.files().items():
                tar.add(path, name, filter=_without_times)
        for (to, base), count in wanted.items():
            if to == day:
                source = [] if base is None else ["-B", f"{_window(new)}", "-s", directory / f"{base}.tar"]
                run([*XDELTA, *source, new, patch])
                total += count * patch.stat().st_size
        for old in [old for old in directory.glob("*.tar") if last_use.get(int(old.stem), 0) <= day and old != new]:
            old.unlink()
    return total


def _window(path: Path) -> int:
    """Return a window over the whole source: a power of two."""
    return 1 << max(20, (path.stat().st_size + 2**20).bit_length())


def _without_times(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mtime = 0
    return info
