"""Which components of an ActiveUpdate tree are carried: by section, by platform, by family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bundler.kinds.activeupdate.components import SECTIONS, Component, ComponentIndex, Section
from bundler.sources.globs import GlobSet

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

        A component stands and falls with its signature, and an increment with the pattern that it belongs to.
        """
        patterns = {(c.line.key or "").casefold(): c for c in index.components if c.section == "pattern"}

        def carried(component: Component) -> bool:
            decides = patterns.get(component.belongs_to or "", component)
            return self._takes(decides) and _both(decides, globs) and _both(component, globs)

        return frozenset(component.line.number for component in index.components if carried(component))

    def _takes(self, component: Component) -> bool:
        return (
            component.section in self.sections
            and (component.section != "engine" or not self.platforms or self._of_platform(component.name))
            and (not self.families or any(_of_family(component, family) for family in self.families))
        )

    def _of_platform(self, name: str) -> bool:
        return any(name.casefold().endswith(f"_{platform.casefold()}") for platform in self.platforms)


def _of_family(component: Component, family: str) -> bool:
    word = family.casefold()
    beginnings = FAMILIES.get(word, (word,))
    *directories, file_name = component.path.casefold().split("/")
    return (
        file_name.startswith(beginnings)
        or component.name.casefold().startswith(beginnings)
        or any(directory.startswith(beginnings) for directory in directories)
    )


def _both(component: Component, globs: GlobSet) -> bool:
    return globs.takes(component.path) and globs.takes(component.signature_path)
