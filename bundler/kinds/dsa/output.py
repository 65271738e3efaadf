"""Finding the one new file in what ``dsa_control -b`` prints.

The vendor documents that the output "shows the name and location of the generated .zip" and not in which words, so
nothing here depends on any: whatever ends in ``.zip`` and turns out to be a file that was made just now is the bundle.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_END = re.compile(r"\.zip(?![\w-]|\.\w)", re.IGNORECASE)
_START = re.compile(r"""(?:^|(?<=[\s"'`=:,;(<>\[|]))[^\s"'`=:,;()<>\[\]|]""")
_DIRECTORY = re.compile(r"""(?:^|(?<=[\s"'`=:(<\[]))/[^\s"'`<>|]*""")
_MAX_LINE = 4096
_MAX_STARTS = 24
"""There may be spaces in a name: so many words back are tried."""
_SECOND_NS = 1_000_000_000
_COARSE_NS = 2 * _SECOND_NS
"""FAT counts in steps of two seconds, older file systems in seconds."""


@dataclass(frozen=True)
class ZipSighting:
    """What the output led to: new files, and whatever else it named, with what is wrong with it."""

    new: tuple[Path, ...]
    others: tuple[str, ...]


def find_new_zips(text: str, directories: Sequence[Path], began_ns: int) -> ZipSighting:
    """Look at every file that the output may have named.

    Args:
        text: What was printed.
        directories: Where names without a directory are looked for; directories that the output names are added.
        began_ns: Change time, in nanoseconds, of a file that was made just before the program began.
    """
    searched = (*directories, *_directories(text))
    new: dict[tuple[int, int], Path] = {}
    others: dict[str, None] = {}
    for candidates in _names(text):
        found = [(path, status) for name in candidates for path, status in _existing(name, searched)]
        for path, status in found:
            wrong = _wrong(status, began_ns)
            if wrong is None:
                new.setdefault((status.st_dev, status.st_ino), path)
            else:
                others[f"{path} {wrong}"] = None
        if not found:
            others[f"{candidates[-1]} is not there"] = None
    return ZipSighting(tuple(new.values()), tuple(others))


def _names(text: str) -> Iterator[tuple[str, ...]]:
    """Yield, for each place where ``.zip`` ends a word, the texts that end there, longest first."""
    for line in (line[:_MAX_LINE] for line in text.splitlines()):
        for end in _END.finditer(line):
            starts = [match.start() for match in _START.finditer(line, 0, end.start())]
            yield tuple(line[start : end.end()] for start in starts[-_MAX_STARTS:]) or (line[: end.end()],)


def _existing(name: str, searched: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    if ".." in name.split("/"):
        return
    for path in [Path(name)] if name.startswith("/") else [directory / name for directory in searched]:
        try:
            yield path, path.lstat()
        except (OSError, ValueError):
            continue


def _directories(text: str) -> Iterator[Path]:
    for line in (line[:_MAX_LINE] for line in text.splitlines()):
        for match in _DIRECTORY.finditer(line):
            path = Path(match[0].rstrip(".:,;)]") or "/")
            try:
                if path.is_dir():
                    yield path
            except (OSError, ValueError):
                continue


def _wrong(status: os.stat_result, began_ns: int) -> str | None:
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if not stat.S_ISREG(status.st_mode):
        return "is not a file"
    coarse = status.st_ctime_ns % _SECOND_NS == 0
    if status.st_ctime_ns < began_ns - (_COARSE_NS if coarse else 0):
        return "was there before"
    return None
