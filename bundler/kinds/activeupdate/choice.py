"""Which components of an ActiveUpdate tree are carried: by section, by platform, by family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bundler.kinds.activeupdate.components import (
    SECTIONS,
    Component,
    ComponentIndex,
    OddLine,
    Section,
    check_lengths,
)
from bundler.sources.globs import EVERY_PATH, GlobSet

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "vsapi": ("vsapi", "v_"),
    "icrc": ("icrc",),
    "tsc": ("tsc",),
    "tmwhite": ("tmwhite", "w_"),
    "ssaptn": ("ssaptn", "ssa_"),
    "sspda6": ("sspda6",),
    "tmfwptn": ("tmfwptn",),
    "trendxlm": ("trendxlm",),
}
"""Families whose files are known by more or other beginnings than their own name. Virus scan, Smart Scan agent, damage
cleanup, IntelliTrap, spyware, firewall, predictive machine learning. Any other word stands for itself."""


@dataclass(frozen=True)
class Choice:
    """What is carried of an index. Empty tuples mean all.

    Args:
        families: Words that a file's name, an engine's name or a directory begins with; see :data:`FAMILIES`.
        sections: Of these kinds.
        platforms: Ends of engine names, such as ``NT_I386``. Patterns and products are of no platform.
    """

    families: tuple[str, ...] = ()
    sections: tuple[Section, ...] = SECTIONS
    platforms: tuple[str, ...] = ()

    def of(self, index: ComponentIndex, globs: GlobSet) -> frozenset[int]:
        """Return the numbers of the lines whose components are carried.

        A component stands and falls with its signature, and an increment with the pattern that it belongs to. What is
        wrong with a line harms who would carry it, and nobody else.

        Raises:
            MalformedError: ``activeupdate.*``: a line that may be chosen is no component, or those that are chosen
                give a file two sizes.
        """
        patterns = {(c.line.key or "").casefold(): c for c in index.components if c.section == "pattern"}

        def carried(component: Component) -> bool:
            decides = patterns.get(component.belongs_to or "", component)
            return self._takes(decides) and _both(decides, globs) and _both(component, globs)

        for odd in index.odd:
            pattern = patterns.get(odd.belongs_to or "")
            if carried(pattern) if pattern is not None else self._may_take(odd, globs):
                raise odd.error
        taken = [component for component in index.components if carried(component)]
        check_lengths(taken)
        return frozenset(component.line.number for component in taken)

    def _may_take(self, odd: OddLine, globs: GlobSet) -> bool:
        """Tell whether a line would be chosen if it were a component; where that cannot be told, it would.

        What stands where no component does is harmless for who chose some, and a reason to distrust the whole index
        for who takes all.
        """
        if odd.section is None:
            return self == Choice() and globs == EVERY_PATH
        names = odd.words[:1] if odd.section == "engine" else ()
        path = next(iter(odd.words[len(names) :]), "")
        return (
            odd.section in self.sections
            and (not self.platforms or not names or any(self._of_platform(name) for name in names))
            and (not path or not self.families or any(_begins_with(one, path, *names) for one in self.families))
            and (not path or globs.takes(path))
        )

    def _takes(self, component: Component) -> bool:
        return (
            component.section in self.sections
            and (component.section != "engine" or not self.platforms or self._of_platform(component.name))
            and (not self.families or any(_of_family(component, family) for family in self.families))
        )

    def _of_platform(self, name: str) -> bool:
        return any(name.casefold().endswith(f"_{platform.casefold()}") for platform in self.platforms)


def _of_family(component: Component, family: str) -> bool:
    return _begins_with(family, component.path, component.name)


def _begins_with(family: str, path: str, *names: str) -> bool:
    """Tell whether a file's name, an engine's name or a directory begins as a family's do."""
    word = family.casefold()
    beginnings = FAMILIES.get(word, (word,))
    *directories, file_name = path.casefold().replace("\\", "/").split("/")
    return (
        file_name.startswith(beginnings)
        or any(name.casefold().startswith(beginnings) for name in names)
        or any(directory.startswith(beginnings) for directory in directories)
    )


def _both(component: Component, globs: GlobSet) -> bool:
    return globs.takes(component.path) and globs.takes(component.signature_path)
