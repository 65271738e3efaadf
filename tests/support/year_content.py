"""Sixty days of content: real rule sets from one of their dates to the next, and pattern files that change a little."""

from __future__ import annotations

import os
import random
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from tests.support.content import DATA

RULE_SETS = {
    "sigma": ("sigma-rules", ("2026-05-22", "2026-07-28", "2026-08-05")),
    "signature-base": ("signature-base", ("2026-02-05", "2026-04-01", "2026-04-09")),
}
PATTERNS = "patterns"
SOURCES = (*RULE_SETS, PATTERNS)

RECORD_BYTES = 64
DAILY_SHARE = 0.005
"""Of the bytes of all pattern files, in records of 64 bytes at random places."""


@dataclass(frozen=True)
class Scale:
    """How much of everything.

    ``days`` are versions; every real file that ever changes takes part, and ``rule_share`` of those that do not;
    ``touched_files`` of the ``pattern_files`` change on one day, and hold all that changes on that day. Of a
    hundred sticks, as many as ``mishaps`` says do not simply arrive. The first content comes on volumes of
    ``volume_bytes``.
    """

    days: int
    pattern_bytes: int
    pattern_files: int
    touched_files: int
    rule_share: float
    mishaps: int
    volume_bytes: int


SHORT = Scale(
    days=12, pattern_bytes=4_000_000, pattern_files=4, touched_files=4, rule_share=0.1, mishaps=50, volume_bytes=900_000
)
FULL = Scale(
    days=60,
    pattern_bytes=200_000_000,
    pattern_files=8,
    touched_files=2,
    rule_share=1.0,
    mishaps=25,
    volume_bytes=100_000_000,
)


class Year:
    """The directories that the publisher's sources point at, day by day.

    Args:
        directory: Where they are made, one per source.
        scale: How much.
        seed: Decides which change happens on which day.
    """

    def __init__(self, directory: Path, scale: Scale, seed: int) -> None:
        self.directory = directory
        self.scale = scale
        self._dice = random.Random(f"content {seed}")
        self._changes: list[dict[Path, bytes | None]] = [{} for _ in range(scale.days + 1)]
        middle = 1 + (scale.days - 1) * 2 // 3
        for source, (name, dates) in RULE_SETS.items():
            first, second, third = _sampled([_rules(f"{name}-{date}.tar.xz") for date in dates], scale.rule_share)
            self._schedule(source, {}, first, (1, 1))
            self._schedule(source, first, second, (2, middle))
            self._schedule(source, second, third, (middle + 1, scale.days))

    def advance(self, day: int) -> None:
        """Make the directories what they are on a day, 1 being the first; days come in their order."""
        for path, content in self._changes[day].items():
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        if day == 1:
            self._first_patterns()
        else:
            self._change_patterns()

    def files(self) -> dict[str, Path]:
        """Return every file of the day by its target path."""
        found = (path for path in self.directory.rglob("*") if path.is_file())
        return {path.relative_to(self.directory).as_posix(): path for path in sorted(found)}

    def _schedule(
        self, source: str, before: Mapping[str, bytes], after: Mapping[str, bytes], days: tuple[int, int]
    ) -> None:
        """Share the changes from one date to the next out among days, the mix of each day being drawn."""
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                self._changes[self._dice.randint(*days)][self.directory / source / name] = after.get(name)

    def _patterns(self) -> list[Path]:
        return [self.directory / PATTERNS / f"set-{number}.ptn" for number in range(self.scale.pattern_files)]

    def _first_patterns(self) -> None:
        (self.directory / PATTERNS).mkdir(parents=True, exist_ok=True)
        for path in self._patterns():
            path.write_bytes(self._dice.randbytes(self.scale.pattern_bytes // self.scale.pattern_files))

    def _change_patterns(self) -> None:
        records = int(self.scale.pattern_bytes * DAILY_SHARE) // RECORD_BYTES // self.scale.touched_files
        for path in self._dice.sample(self._patterns(), self.scale.touched_files):
            there = path.stat().st_size // RECORD_BYTES
            with path.open("r+b") as file:
                for place in self._dice.sample(range(there), records):
                    os.pwrite(file.fileno(), self._dice.randbytes(RECORD_BYTES), place * RECORD_BYTES)


def _rules(archive: str) -> dict[str, bytes]:
    """Read one date of a rule set."""
    with tarfile.open(DATA / archive) as tar:
        files = ((member.name, tar.extractfile(member)) for member in tar if member.isfile())
        return {name: file.read() for name, file in files if file is not None}


def _sampled(dates: list[dict[str, bytes]], share: float) -> list[dict[str, bytes]]:
    """Leave out most of the files that are the same at every date."""

    def stays(name: str) -> bool:
        return crc32(name.encode()) < share * 2**32 or len({date.get(name) for date in dates}) > 1

    return [{name: content for name, content in date.items() if stays(name)} for date in dates]
