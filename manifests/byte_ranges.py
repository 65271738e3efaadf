"""Byte ranges of one content: first byte, and the first one behind.

``Ranges`` are always ascending, and none touches another; :func:`merge_ranges` makes them of any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Range = tuple[int, int]
"""First byte, and the first one behind it."""

Ranges = tuple[Range, ...]
"""Ascending, none empty, none touching another."""


def merge_ranges(ranges: Iterable[Range]) -> Ranges:
    """Return the bytes of ranges in any order, which may overlap, as ``Ranges``."""
    result: list[Range] = []
    for first, behind in sorted(ranges):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(behind, result[-1][1]))
        elif first < behind:
            result.append((first, behind))
    return tuple(result)


def gaps_in(ranges: Ranges, first: int, behind: int) -> Ranges:
    """Return the bytes from ``first`` up to ``behind`` that are not in ``ranges``."""
    result: list[Range] = []
    for start, end in ranges:
        if end > first and start < behind:
            if start > first:
                result.append((first, start))
            first = end
    return (*result, (first, behind)) if first < behind else tuple(result)


def common_ranges(several: Sequence[Ranges]) -> Ranges:
    """Return the bytes that are in each of several ``Ranges``, at least one."""
    result = several[0]
    for other in several[1:]:
        pairs = ((max(a, c), min(b, d)) for a, b in result for c, d in other)
        result = tuple(sorted((first, behind) for first, behind in pairs if first < behind))
    return result


def byte_count(ranges: Iterable[Range]) -> int:
    """Return how many bytes ``Ranges`` have."""
    return sum(behind - first for first, behind in ranges)
