"""INI files as bytes that can be read, and written again with lines commented out and nothing else changed.

Two programs that read one INI differently are how a file slips past a check, so whatever readers could take in two
ways is refused: a section or key that stands twice, control characters, NULs without a byte order mark. The one
liberty: a line that is neither section, key nor comment is carried and means nothing.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.text import count_text

MAX_BYTES = 16 * MIB
"""Of one file; some thousands of components take a few hundred kilobytes."""
MAX_LINES = 200_000
MAX_LINE_CHARACTERS = 8_192

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_HEADER = re.compile(r"\[([^\[\]]+)\][ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_COMMENTS = (";", "#")


@dataclass(frozen=True)
class IniLine:
    """One line: its text with its end, where it stands, and what it says.

    ``section`` is "" before the first header. ``key`` is set on key lines alone; ``header`` on section headers.
    """

    number: int
    text: str
    section: str
    key: str | None = None
    value: str = ""
    header: bool = False


@dataclass(frozen=True)
class IniFile:
    """An INI file that every reader takes in one way.

    Args:
        lines: All of them, in order.
        encoding: Of the text, without its byte order mark.
        bom: The byte order mark, empty when there is none.
    """

    lines: tuple[IniLine, ...]
    encoding: str
    bom: bytes

    @cached_property
    def sections(self) -> Mapping[str, tuple[IniLine, ...]]:
        """The key lines of each section, by its name as it is written, in order."""
        found: dict[str, list[IniLine]] = {}
        for line in self.lines:
            if line.header:
                found.setdefault(line.section, [])
            elif line.key is not None:
                found.setdefault(line.section, []).append(line)
        return {name: tuple(lines) for name, lines in found.items()}

    def without(self, leave_out: Callable[[IniLine], bool]) -> bytes:
        """Return the file's bytes with the headers and key lines that ``leave_out`` names commented out."""
        text = "".join(
            f";{line.text}" if (line.header or line.key is not None) and leave_out(line) else line.text
            for line in self.lines
        )
        return self.bom + text.encode(self.encoding, _errors(self.encoding))


def parse_ini(data: bytes, name: str) -> IniFile:
    """Read an INI file.

    Args:
        data: Its bytes: UTF-8, UTF-16 with a byte order mark, or any single-byte code that leaves ASCII alone.
        name: What to call it in errors.

    Raises:
        MalformedError: ``ini.too-large``, ``ini.encoding``, ``ini.character``, ``ini.section``,
            ``ini.duplicate-section`` or ``ini.duplicate-key``.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(
            "ini.too-large", f"{name} is too large", have=count_text(len(data), "byte"), need=f"at most {MAX_BYTES:,}"
        )
    bom, encoding = next(((mark, code) for mark, code in _BOMS if data.startswith(mark)), (b"", "utf-8"))
    try:
        text = data[len(bom) :].decode(encoding, _errors(encoding))
    except UnicodeDecodeError as error:
        raise MalformedError("ini.encoding", f"{name} is not {encoding.upper()} as its mark says: {error}") from None
    return IniFile(_Parser(name).lines(text), encoding, bom)


def _errors(encoding: str) -> str:
    """Bytes of an unknown single-byte code pass through unread; of UTF-16 there is no such thing."""
    return "surrogateescape" if encoding == "utf-8" else "strict"


class _Parser:
    """Reads the lines of one file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._section = ""
        self._sections: set[str] = set()
        self._keys: set[tuple[str, str]] = set()

    def lines(self, text: str) -> tuple[IniLine, ...]:
        pieces = text.split("\n")
        rows = [piece + "\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
        if len(rows) > MAX_LINES:
            raise MalformedError("ini.too-large", f"{self._name} has too many lines", need=f"at most {MAX_LINES:,}")
        return tuple(self._line(number, row) for number, row in enumerate(rows, 1))

    def _line(self, number: int, row: str) -> IniLine:
        said = row.removesuffix("\n").removesuffix("\r")
        if len(said) > MAX_LINE_CHARACTERS:
            self._refuse("ini.too-large", number, f"is longer than {MAX_LINE_CHARACTERS:,} characters")
        if _CONTROL.search(said):
            self._refuse("ini.character", number, "holds a control character")
        said = said.strip(" \t")
        if not said or said.startswith(_COMMENTS):
            return IniLine(number, row, self._section)
        if said.startswith("["):
            return self._header(number, row, said)
        key, equals, value = said.partition("=")
        if not equals:
            return IniLine(number, row, self._section)
        return self._key(number, row, key.strip(" \t"), value.strip(" \t"))

    def _header(self, number: int, row: str, said: str) -> IniLine:
        match = _HEADER.fullmatch(said)
        if match is None:
            self._refuse("ini.section", number, "is not a section header")
        self._section = match[1].strip(" \t")
        if self._section.casefold() in self._sections:
            self._refuse("ini.duplicate-section", number, f"begins the section {self._section!r} a second time")
        self._sections.add(self._section.casefold())
        return IniLine(number, row, self._section, header=True)

    def _key(self, number: int, row: str, key: str, value: str) -> IniLine:
        place = (self._section.casefold(), key.casefold())
        if place in self._keys:
            self._refuse("ini.duplicate-key", number, f"gives the key {key!r} of [{self._section}] a second time")
        self._keys.add(place)
        return IniLine(number, row, self._section, key, value)

    def _refuse(self, code: str, number: int, what: str) -> NoReturn:
        raise MalformedError(code, f"{self._name}: line {number} {what}", line=number)
