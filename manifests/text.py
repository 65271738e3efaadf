"""Text for people: names made printable, sizes, ages, and how it is laid out in the columns of a terminal."""

from __future__ import annotations

import codecs
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from json import JSONDecodeError

COLUMNS = 80
"""Of a terminal, where nothing else is known of it."""


def decode_text(data: bytes) -> str:
    """Return the text of a file that a person wrote in some editor: UTF-8, or UTF-16 that says so, without its mark.

    Raises:
        UnicodeDecodeError: It is neither.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def printable(text: str) -> str:
    """Return a stranger's words as they may be shown: what would steer a terminal, or is no text, is written out.

    Everything that an upstream, a bundle or a site gave passes through here on its way to a terminal, a log or paper:
    names, versions, notes, reasons, titles. Line breaks are written out too, so a text cannot begin a line of its own.
    Spaces of other widths stay, as Japanese has them.
    """
    if text.isprintable():
        return text
    return "".join(char if _is_harmless(char) else _written_out(char) for char in text)


def printable_lines(text: str) -> str:
    """Return the same for several lines: breaks stay, and what follows is indented, so that it is no line of ours."""
    return "\n  ".join(printable(line) for line in text.split("\n"))


def _is_harmless(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _written_out(char: str) -> str:
    undecodable = "\udc80" <= char <= "\udcff"  # a byte of a file's name that is no UTF-8 (PEP 383)
    return f"\\x{ord(char) - 0xDC00:02x}" if undecodable else ascii(char)[1:-1]


def age_text(age: timedelta) -> str:
    """Say an age as people do: ``3 days 4 hours``, ``12 minutes``."""
    seconds = max(0, int(age.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3_600, seconds % 3_600 // 60
    units = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    said = [count_text(count, unit) for count, unit in units if count][:2]
    return " ".join(said) or "less than a minute"


def cause_text(error: BaseException) -> str:
    """Say what a foreign exception found, in its words and without its class: ``Connection refused``."""
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    if isinstance(error, JSONDecodeError):
        return f"{_JSON.get(error.msg, error.msg)} at line {error.lineno}, column {error.colno}"
    said = " ".join(str(error).split())
    return said or _CAPITAL.sub(lambda match: f" {match[0].lower()}", type(error).__name__).strip()


_JSON = {
    "Expecting value": "a value is missing",
    "Extra data": "there is more text after the end",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
}
"""What Python's reader of JSON says, in words for people."""

_CAPITAL = re.compile(r"(?<![A-Z])[A-Z]")


def count_text(count: float, noun: str, plural: str | None = None) -> str:
    """Say how many there are of something: ``1 file``, ``3,000 files``; the plural ends in s where none is given."""
    number = f"{count:,}" if isinstance(count, int) else f"{count:g}"
    return f"{number} {noun if count == 1 else plural or noun + 's'}"


def size_text(length: int) -> str:
    """Return a length as people say it; GB = 10^9."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if length >= unit:
            return f"{length / unit:.2f} {name}"
    return count_text(length, "byte")


def fingerprint_text(digest: str) -> str:
    """Return a hexadecimal digest in groups of four, for two people to compare by telephone."""
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def fingerprint_lines(digest: str) -> str:
    """Return the same on lines of eight groups, indented, each with its end."""
    words = fingerprint_text(digest).split()
    return "".join(f"  {' '.join(words[start : start + 8])}\n" for start in range(0, len(words), 8))


def fit_text(text: str, columns: int) -> str:
    """Cut a text, made printable, to so many columns of a terminal, wide characters counted twice."""
    text = printable(text)
    if width_of(text) <= columns:
        return text
    kept, used = "", 0
    for char in text:
        used += width_of(char)
        if used > columns - 3:
            break
        kept += char
    return kept + "..."


def wrap_text(label: str, text: str, columns: int = COLUMNS) -> list[str]:
    """Break a text, made printable, between its words, the first line behind a label and the others below it."""
    text, label = printable(text), printable(label)
    lines: list[str] = []
    line = label
    for word in text.split(" "):
        if width_of(line) + width_of(word) > columns and line.strip():
            lines.append(line.rstrip())
            line = " " * len(label)
        line += word + " "
    return [*lines, line.rstrip()]


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def table_text(
    rows: Sequence[tuple[str, ...]], header: tuple[str, ...] | None = None, *, width: int | None = None
) -> str:
    """Lay rows out in columns, left-aligned, two spaces apart, each cell made printable.

    Args:
        rows: Cells of text, equally many in each.
        header: One more row above.
        width: Columns of the terminal; a longer last cell goes on below itself. By default the terminal's own, and
            no limit where stdout is none.
    """
    lines = [tuple(map(printable, row)) for row in (*([header] if header else []), *rows)]
    if not lines:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    indent = sum(widths[:-1]) + 2 * (len(widths) - 1)
    limit = _terminal_columns() if width is None else width
    room = None if limit is None else max(limit - indent, _NARROWEST)
    return "\n".join(line for cells in lines for line in _row(cells, widths, indent, room))


_NARROWEST = 20
"""Columns that a last cell gets at least, even if the terminal then has to break lines."""


def _row(cells: tuple[str, ...], widths: Sequence[int], indent: int, room: int | None) -> list[str]:
    beginning = "".join(f"{cell.ljust(width)}  " for cell, width in zip(cells[:-1], widths[:-1], strict=True))
    whole = (beginning + cells[-1]).rstrip()
    if room is None or len(cells[-1]) <= room:
        return [whole]
    first, *more = textwrap.wrap(cells[-1], room, break_on_hyphens=False)
    return [beginning + first, *(" " * indent + line for line in more)]


def _terminal_columns() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
