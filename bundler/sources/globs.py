"""Globs over target paths: ``*`` and ``?`` stay within one part, ``**`` crosses parts."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import takewhile

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class GlobSet:
    """Takes a path that some ``include`` fits and no ``exclude`` does."""

    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        """Tell whether ``path`` is taken."""
        return bool(self._included.fullmatch(path)) and not self._excluded.fullmatch(path)

    @property
    def literals(self) -> tuple[str, ...] | None:
        """The very paths that ``include`` names; ``None`` when there are globs among them."""
        return None if any("*" in glob or "?" in glob for glob in self.include) else self.include

    def may_take_below(self, directory: str, *, deeper: bool = True) -> bool:
        """Tell whether any path below a directory could be taken; where that is hard to tell it could.

        Args:
            directory: Its path, without a slash at the end.
            deeper: Whether paths of directories below it count too.
        """
        inside = f"{directory}/"
        ends = ("**",) if deeper else ("**", "*")
        if any(glob.endswith(ends) and _compile((glob,)).fullmatch(inside) for glob in self.exclude):
            return False  # what matches with nothing in place of the last star matches with anything
        below = (*_literal(directory), _ANY if deeper else _ONE)
        return any(_may_meet(_parts_of(glob), below) for glob in self.include)

    def may_take_of(self, pattern: str) -> bool:
        """Tell whether any path that fits a TUF pattern could be taken; where that is hard to tell it could.

        Args:
            pattern: As in ``paths`` of a delegation: shell patterns, part by part.
        """
        if not _WILD.search(pattern):
            return self.takes(pattern)
        parts = pattern.split("/")
        literal = list(takewhile(lambda part: not _WILD.search(part), parts))
        if literal and not self.may_take_below("/".join(literal), deeper=True):
            return False
        if pattern in self.exclude and "[" not in pattern:
            return False
        below = tuple((part, bool(_WILD.search(part))) for part in parts)
        return any(_may_meet(_parts_of(glob), below) for glob in self.include)

    @cached_property
    def _included(self) -> re.Pattern[str]:
        return _compile(self.include)

    @cached_property
    def _excluded(self) -> re.Pattern[str]:
        return _compile(self.exclude)


EVERY_PATH = GlobSet()

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|.", re.DOTALL)
_MEANING = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


_Part = tuple[str, bool]
"""One part of a pattern, and whether it is one itself."""
_ANY: _Part = ("**", True)
_ONE: _Part = ("*", True)


def _literal(path: str) -> tuple[_Part, ...]:
    return tuple((part, False) for part in path.split("/"))


@lru_cache(256)
def _parts_of(glob: str) -> tuple[_Part, ...]:
    """Return a glob's parts; one that holds ``**`` beside other characters may be any number of parts."""
    parts = (_ANY if "**" in part else (part, "*" in part or "?" in part) for part in glob.split("/"))
    return tuple(parts)


def _may_meet(glob: Sequence[_Part], other: Sequence[_Part]) -> bool:
    """Tell whether some path could fit both."""
    reached = [[False] * (len(other) + 1) for _ in range(len(glob) + 1)]
    reached[0][0] = True
    for at in range(len(glob) + 1):
        for to in range(len(other) + 1):
            ours, theirs = glob[at] if at < len(glob) else None, other[to] if to < len(other) else None
            if not reached[at][to]:
                continue
            if ours == _ANY:
                reached[at + 1][to] = True
            if theirs == _ANY:
                reached[at][to + 1] = True
            if theirs is not None and ours == _ANY:
                reached[at][to + 1] = True
            if ours is not None and theirs == _ANY:
                reached[at + 1][to] = True
            if ours and theirs and _ANY not in {ours, theirs} and _part_may_meet(ours, theirs):
                reached[at + 1][to + 1] = True
    return reached[-1][-1]


def _part_may_meet(ours: _Part, theirs: _Part) -> bool:
    """Tell whether some name could fit both parts."""
    if not ours[1]:
        return ours[0] == theirs[0] if not theirs[1] else fnmatch.fnmatchcase(ours[0], theirs[0])
    if not theirs[1]:
        return _compile((ours[0],)).fullmatch(theirs[0]) is not None
    begins = [_WILD.split(part, maxsplit=1)[0] for part, _ in (ours, theirs)]
    return begins[0].startswith(begins[1]) or begins[1].startswith(begins[0])


@lru_cache(256)
def _compile(globs: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = [
        "".join(_MEANING.get(token) or re.escape(token) for token in _TOKEN.findall(glob)) for glob in globs
    ]
    return re.compile("|".join(alternatives) if alternatives else r"(?!)", re.DOTALL)
