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
