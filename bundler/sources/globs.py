"""Globs over target paths: ``*`` and ``?`` stay within one part, ``**`` crosses parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class GlobSet:
    """Takes a path that some ``include`` fits and no ``exclude`` does."""

    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        """Tell whether ``path`` is taken."""
        return bool(self._included.fullmatch(path)) and not self._excluded.fullmatch(path)

    def may_take_below(self, directory: str) -> bool:
        """Tell whether any path below ``directory`` could be taken; if not, nobody needs to look into it."""
        if self._excluded_whole.fullmatch(f"{directory}/"):
            return False
        parts = directory.split("/")
        return any(_reaches_below(glob, parts) for glob in self.include)

    @cached_property
    def _excluded_whole(self) -> re.Pattern[str]:
        """What ends in two stars takes all that follows."""
        return _compile(tuple(glob for glob in self.exclude if glob.endswith("**")))

    @cached_property
    def _included(self) -> re.Pattern[str]:
        return _compile(self.include)

    @cached_property
    def _excluded(self) -> re.Pattern[str]:
        return _compile(self.exclude)


EVERY_PATH = GlobSet()

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|.", re.DOTALL)
_MEANING = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


def _compile(globs: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = [
        "".join(_MEANING.get(token) or re.escape(token) for token in _TOKEN.findall(glob)) for glob in globs
    ]
    return re.compile("|".join(alternatives) if alternatives else r"(?!)", re.DOTALL)


def _reaches_below(glob: str, directory: list[str]) -> bool:
    """Tell whether a glob could fit a path below a directory, given by its parts."""
    steps = glob.split("/")
    for step, part in zip(steps, directory, strict=False):
        if "**" in step:
            return True
        if not _compile((step,)).fullmatch(part):
            return False
    return len(steps) > len(directory)
