"""What reading and writing deflate share: limits, the tables of RFC 1951, and how codes are made from lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from manifests.patches.section import malformed_patch

MAX_FOLDED_BYTES = 32 * 1024 * 1024
"""Largest file that is unfolded or folded: it takes 1 to 2 seconds for each MB, and one base of memory."""

MAX_BLOCK_BYTES = 8 * 1024 * 1024
"""Largest part of a record. Known writers end a block after 16 to 300 KiB."""

STORED, FIXED, DYNAMIC = range(3)
END_OF_BLOCK = 256
LENGTHS = tuple((3 + i, 0) if i < 8 else (3 + ((4 + i % 4) << (i // 4 - 1)), i // 4 - 1) for i in range(28))
LENGTHS = (*LENGTHS, (258, 0))
DISTANCES = tuple((1 + i, 0) if i < 4 else (1 + ((2 + i % 2) << (i // 2 - 1)), i // 2 - 1) for i in range(30))
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
REPEATS = {16: (3, 2), 17: (3, 3), 18: (11, 7)}
FIXED_LENGTHS = ((8,) * 144 + (9,) * 112 + (7,) * 24 + (8,) * 8, (5,) * 30)


def code_lengths(given: Sequence[int]) -> list[int]:
    """Return the lengths of the code lengths' codes in the order of their symbols."""
    lengths = [0] * 19
    for place, length in zip(ORDER, given, strict=False):
        lengths[place] = length
    return lengths


def extend_lengths(lengths: list[int], symbol: int, extra: int) -> None:
    """Add what one symbol of a table says to the list of code lengths."""
    if symbol < 16:
        lengths.append(symbol)
    elif symbol == 16 and not lengths:
        raise malformed_patch("a table repeats nothing")
    else:
        lengths += [lengths[-1] if symbol == 16 else 0] * (REPEATS[symbol][0] + extra)


def two_lists(lengths: list[int], literals: int, distances: int) -> tuple[list[int], list[int]]:
    """Part the code lengths of literals from those of distances."""
    if len(lengths) != literals + distances or literals > 286 or distances > 30:
        raise malformed_patch("a table of no possible size")
    return lengths[:literals], lengths[literals:]


def codes_of(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield symbol, code (first bit lowest) and its length. Source: RFC 1951, 3.2.2."""
    code = [0] * 17
    for length in range(1, 16):
        code[length + 1] = code[length] + sum(1 for one in lengths if one == length) << 1
        if code[length + 1] > 2 << length:
            raise malformed_patch("a table with too many codes")
    for symbol, length in enumerate(lengths):
        if length:
            yield symbol, int(f"{code[length]:0{length}b}"[::-1], 2), length
            code[length] += 1


@cache
def symbols_of() -> tuple[tuple[tuple[int, int, int], ...], tuple[tuple[int, int, int], ...]]:
    """Return symbol, extra bits and their number, for each length less 3 and each distance less 1."""
    both = []
    for table, first, size in ((LENGTHS, 257, 256), (DISTANCES, 0, 32768)):
        found = [(0, 0, 0)] * size
        start = table[0][0]
        for symbol, (least, extra) in enumerate(table):
            for value in range(min(1 << extra, size - (least - start))):
                found[least - start + value] = (first + symbol, value, extra)
        both.append(tuple(found))
    return both[0], both[1]
