"""One byte range of a representation.

Source: RFC 9110, 14.1.2 (byte ranges), 14.2 (Range), 15.5.17 (416).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_SINGLE = re.compile(r"bytes=[ \t]*(?:(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+))[ \t]*", re.IGNORECASE)
_DIGITS = 18
"""Numbers longer than this are cut to the largest of this many digits: far past any file, cheap to convert."""


@dataclass(frozen=True, slots=True)
class RequestedRange:
    """Bytes ``start`` up to but not including ``end``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes these are, at least 1."""
        return self.end - self.start

    def content_range(self, complete_length: int) -> str:
        """Return the value of ``Content-Range``."""
        return f"bytes {self.start}-{self.end - 1}/{complete_length}"


def parse_range(header: str, length: int) -> RequestedRange | Literal["unsatisfiable"] | None:
    """Read a ``Range`` header.

    Args:
        header: The field's value.
        length: Bytes of the representation.

    Returns:
        The range, cut to the representation; ``"unsatisfiable"`` when it begins past the end; ``None`` when the
        header must be ignored: another unit, a broken one, or several ranges (which are served whole).
    """
    match = _SINGLE.fullmatch(header)
    if match is None:
        return None
    if match["suffix"] is not None:
        return _suffix(_number(match["suffix"]), length)
    first, last = _number(match["first"]), _number(match["last"]) if match["last"] else None
    if last is not None and last < first:
        return None
    if first >= length:
        return "unsatisfiable"
    return RequestedRange(first, length if last is None else min(last + 1, length))


def _suffix(count: int, length: int) -> RequestedRange | Literal["unsatisfiable"] | None:
    if count == 0:
        return "unsatisfiable"
    if length == 0:
        return None  # satisfiable, but no Content-Range can say "nothing": answered whole
    return RequestedRange(max(length - count, 0), length)


def _number(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _DIGITS else 10**_DIGITS - 1
