"""What a ``server.ini`` lists, as types: patterns, their increments, engines, product lists.

The forms are those that are known from public code; what has another form and points to a file is named, so that it
can be left out and said to be.

======================================  ==============================================================
``[PATTERN] Path_X``, ``P.n``           ``path,version,bytes``
``[PATTERN] P.n.Merge.k``               ``path,base version,bytes``; the path ends in ``FROM.TO``
``[ENGINE] E.n``                        ``name,path,version,bytes[,lowest version]``
``[Info_p_...] Path``                   ``path,bytes``; ``Version`` and ``Build`` stand beside it
======================================  ==============================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from bundler.kinds.activeupdate.ini import IniFile, IniLine
from bundler.kinds.activeupdate.paths import component_path, line_error, points_to_file
from manifests.errors import MalformedError
from manifests.limits import GIB
from manifests.text import count_text

Section: TypeAlias = Literal["pattern", "engine", "product"]
SECTIONS: tuple[Section, ...] = ("pattern", "engine", "product")

MAX_COMPONENTS = 20_000
MAX_COMPONENT_BYTES = 4 * GIB
_MAX_FIELDS = 16

_LOOSELY = re.IGNORECASE | re.ASCII
_PATTERN_KEY = re.compile(r"(?:path_\w+|p\.\d+)", _LOOSELY)
_MERGE_KEY = re.compile(r"(p\.\d+)\.merge\.\d+", _LOOSELY)
_ENGINE_KEY = re.compile(r"e\.\d+", _LOOSELY)
_INFO = re.compile(r"info_(\d+)(?:_\w+)?", _LOOSELY)
_PRODUCT_KEY = re.compile(r"product\.(\d+)", _LOOSELY)
_NUMBERS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18}){0,9}")
_WORDS = re.compile(r"[ -~]{0,100}")
_FROM_TO = re.compile(r"(?:.*_)?([0-9]{1,18})\.([0-9]{1,18})")


@dataclass(frozen=True)
class Increment:
    """The version that an increment starts from, as the index gives it, and the two that its name gives, if any."""

    base: str
    from_to: tuple[int, int] | None


@dataclass(frozen=True)
class Component:
    """One file that the index lists.

    Args:
        section: Where it belongs.
        line: The line that names it.
        path: Below the upstream's address.
        version: As it is written; of an increment, that of its base.
        length: In bytes.
        name: An engine's name with its platform; empty for the others.
        increment: Set for increments.
        belongs_to: The key of the pattern that an increment belongs to.
    """

    section: Section
    line: IniLine
    path: str
    version: str
    length: int
    name: str = ""
    increment: Increment | None = None
    belongs_to: str | None = None

    @property
    def entry(self) -> str:
        """Section and key, for people and as a key of our own: ``PATTERN P.4``."""
        return f"{self.line.section} {self.line.key}"

    @property
    def signature_path(self) -> str:
        """The path of its signature: the extension is replaced."""
        return self.path.rpartition(".")[0] + ".sig"

    @property
    def number(self) -> tuple[int, ...] | None:
        """Its version to compare by; ``None`` for what has no version of its own or none made of numbers."""
        if self.increment is not None or not _NUMBERS.fullmatch(self.version):
            return None
        return tuple(map(int, self.version.split(".")))


@dataclass(frozen=True)
class OddLine:
    """A line that stands where a component does and is none, or leads out of the tree wherever it stands.

    Args:
        section: Where it stands; ``None`` where no component does.
        line: The line.
        error: What is wrong with it.
        belongs_to: The key of the pattern that it would be an increment of.
    """

    section: Section | None
    line: IniLine
    error: MalformedError
    belongs_to: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What may be its name or its path, as far as that can be told: every field."""
        return tuple(field.strip() for field in self.line.value.split(","))


@dataclass(frozen=True)
class ComponentIndex:
    """A ``server.ini`` and what it lists.

    ``strange`` are lines outside ``[Server]`` that point to files in a form that is not known; ``odd`` are components
    that cannot be, which is an error for who wants them.
    """

    ini: IniFile
    components: tuple[Component, ...]
    strange: tuple[IniLine, ...]
    odd: tuple[OddLine, ...] = ()

    def mirrored(self, chosen: Callable[[Component], bool]) -> bytes:
        """Return the file for a mirror: ``[Server]`` and what is not carried commented out, every other byte as it was.

        Trend Micro's way to keep clients of a mirror from going back to the Internet is to comment out the whole
        section ``[Server]``.
        """
        left_out = [component for component in self.components if not chosen(component)]
        kept = [component for component in self.components if chosen(component)]
        gone = [*(component.line for component in left_out), *(odd.line for odd in self.odd)]
        lines = {line.number for line in (*self.strange, *gone)}
        sections = {line.section for line in gone if _INFO.fullmatch(line.section)}
        carried = {product for component in kept for product in _product_of(component.line)}
        products = {product for line in gone for product in _product_of(line)} - carried

        def leave_out(line: IniLine) -> bool:
            product = _PRODUCT_KEY.fullmatch(line.key or "")
            return (
                line.section.casefold() == "server"
                or line.section in sections
                or line.number in lines
                or (product is not None and product[1] in products)
            )

        return self.ini.without(leave_out)


def read_components(ini: IniFile) -> ComponentIndex:
    """Return what an index lists.

    A line that is no component of the tree is told in ``odd``, with its error: ``activeupdate.component``,
    ``.traversal``, ``.absolute``, ``.backslash``, ``.name`` or ``.increment``.

    Raises:
        MalformedError: ``activeupdate.count`` or ``.empty``.
    """
    components: list[Component] = []
    strange: list[IniLine] = []
    odd: list[OddLine] = []
    for section, lines in ini.sections.items():
        if section.casefold() == "server":
            continue
        reader = _SectionReader(section, {(line.key or "").casefold(): line for line in lines})
        for line in lines:
            try:
                found = reader.component(line)
                points = found is None and points_to_file(line)
            except MalformedError as error:
                odd.append(reader.odd(line, error))
                continue
            if found is not None:
                components.append(found)
            elif points:
                strange.append(line)
    _check_count(len(components) + len(odd))
    return ComponentIndex(ini, tuple(components), tuple(strange), tuple(odd))


def shown_version(version: str) -> str:
    """Return a version as people know it: ``1736100`` is 17.361.00."""
    if re.fullmatch(r"[0-9]{7,8}", version):
        return f"{version[:2]}.{version[2:5]}.{version[5:]}"
    return version


@dataclass(frozen=True)
class _SectionReader:
    """Reads the components of one section; ``lines`` by their keys in lower case."""

    section: str
    lines: Mapping[str, IniLine]

    def odd(self, line: IniLine, error: MalformedError) -> OddLine:
        """Return a line that is no component though it should be one."""
        merge = _MERGE_KEY.fullmatch(line.key or "")
        return OddLine(self._kind, line, error, merge[1].casefold() if merge else None)

    def component(self, line: IniLine) -> Component | None:
        key = line.key or ""
        if self._kind == "pattern":
            if _PATTERN_KEY.fullmatch(key):
                path, version, length = _fields(line, 3)
                return Component(
                    "pattern", line, component_path(line, path), _words(line, version), _length(line, length)
                )
            if match := _MERGE_KEY.fullmatch(key):
                return _increment(line, match[1])
        elif self._kind == "engine" and _ENGINE_KEY.fullmatch(key):
            name, path, version, length = _fields(line, 4)
            version, name = _words(line, version), _words(line, name)
            return Component("engine", line, component_path(line, path), version, _length(line, length), name)
        elif self._kind == "product" and key.casefold() == "path":
            path, length = _fields(line, 2)
            version = _words(line, self._version)
            return Component("product", line, component_path(line, path), version, _length(line, length))
        return None

    @cached_property
    def _kind(self) -> Section | None:
        if _INFO.fullmatch(self.section):
            return "product"
        known: Mapping[str, Section] = {"pattern": "pattern", "engine": "engine"}
        return known.get(self.section.casefold())

    @property
    def _version(self) -> str:
        given = (self.lines[key].value for key in ("version", "build") if key in self.lines)
        return ".".join(given)


def _increment(line: IniLine, belongs_to: str) -> Component:
    path, base, length = _fields(line, 3)
    match = _FROM_TO.fullmatch(path.rpartition("/")[2])
    from_to = None if match is None else (int(match[1]), int(match[2]))
    if from_to is not None and from_to[0] >= from_to[1]:
        raise line_error(line, "activeupdate.increment", "is an increment to a version that is not newer")
    base = _words(line, base)
    increment = Increment(base, from_to)
    return Component(
        "pattern",
        line,
        component_path(line, path),
        base,
        _length(line, length),
        increment=increment,
        belongs_to=belongs_to.casefold(),
    )


def _fields(line: IniLine, count: int) -> list[str]:
    """Return the first fields; what may stand behind them changes nothing for us and is carried."""
    fields = [field.strip() for field in line.value.split(",")]
    if not all(fields[:count]) or not count <= len(fields) <= _MAX_FIELDS:
        raise line_error(
            line, "activeupdate.component", f"does not hold the {count_text(count, 'field')} of a component"
        )
    return fields[:count]


def _words(line: IniLine, text: str) -> str:
    """Return a version or name that can be shown anywhere."""
    if not _WORDS.fullmatch(text):
        raise line_error(line, "activeupdate.component", f"holds {text[:40]!a} as a version or name")
    return text


def _length(line: IniLine, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or not 0 < int(text) <= MAX_COMPONENT_BYTES:
        raise line_error(line, "activeupdate.component", f"gives {text[:40]!r} as a size in bytes")
    return int(text)


def _check_count(count: int) -> None:
    """Refuse a list that is empty or endless."""
    if not count:
        raise MalformedError("activeupdate.empty", "The index lists no component", need="a classic server.ini")
    if count > MAX_COMPONENTS:
        raise MalformedError(
            "activeupdate.count",
            "The index lists too many components",
            have=f"{count:,}",
            need=f"at most {MAX_COMPONENTS:,}",
        )


def check_lengths(components: Iterable[Component]) -> None:
    """Refuse components that give one file two sizes.

    Raises:
        MalformedError: ``activeupdate.length-conflict``.
    """
    lengths: dict[str, int] = {}
    for component in components:
        if lengths.setdefault(component.path, component.length) != component.length:
            raise line_error(component.line, "activeupdate.length-conflict", f"gives {component.path} a second size")


def _product_of(line: IniLine) -> set[str]:
    match = _INFO.fullmatch(line.section)
    return set() if match is None else {match[1]}
