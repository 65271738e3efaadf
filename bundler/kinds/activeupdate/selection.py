"""What is carried of an ActiveUpdate index, and what that means for the mirror and for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from bundler.kinds.activeupdate.components import Component, ComponentIndex, shown_version
from bundler.kinds.activeupdate.index import FoundIndex
from bundler.sources.versions import Floor
from manifests.text import count_text


@dataclass(frozen=True)
class Selection:
    """An index and what we carry of it. ``components`` in the order of the index."""

    found: FoundIndex
    components: tuple[Component, ...]

    @property
    def index(self) -> ComponentIndex:
        """The index."""
        return self.found.index

    @cached_property
    def files(self) -> Mapping[str, Component]:
        """Path to the first component that names it."""
        first: dict[str, Component] = {}
        for component in self.components:
            first.setdefault(component.path, component)
        return first

    @cached_property
    def mirrored(self) -> bytes:
        """The index as the mirror has it."""
        lines = {component.line.number for component in self.components}
        return self.index.mirrored(lambda component: component.line.number in lines)

    @property
    def versions(self) -> Floor:
        """Version of each component that has one to compare."""
        return {component.entry: component.number for component in self.components if component.number is not None}

    @property
    def version(self) -> str:
        """The version that people ask for: that of the virus pattern, else of what the index lists first."""
        virus = (c for c in self.components if (c.line.key or "").casefold() == "path_vsapi")
        component = next(virus, self.components[0])
        label = (component.line.key or "").removeprefix("Path_")
        return f"{label} {shown_version(component.version)}"

    @property
    def said(self) -> str:
        """What was checked and what was left out."""
        count, listed = len(self.files), len({component.path for component in self.index.components})
        some = f"{count:,} of " if count < listed else "" if count == 1 else "all "
        said = f"{some}{count_text(listed, 'component')} of {self.found.origin}"
        said += "; each with its signature, carried, not verified"
        strange = len(self.index.strange) + len(self.index.odd)
        return f"{said}; {count_text(strange, 'line')} of an unknown form left out" if strange else said
