"""Records back to deflate streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from manifests.patches.deflate.tables import (
    DYNAMIC,
    END_OF_BLOCK,
    FIXED_LENGTHS,
    MAX_BLOCK_BYTES,
    REPEATS,
    STORED,
    code_lengths,
    codes_of,
    extend_lengths,
    symbols_of,
    two_lists,
)
from manifests.patches.section import malformed_patch

Take = Callable[[int], bytes]
Encoding = dict[int, tuple[int, int]]


def fold_streams(take: Take, length: int) -> Iterator[bytes]:
    """Yield what was unfolded, from its records.

    Args:
        take: Returns the next bytes of the records, as many as asked for, or refuses.
        length: Where to stop; a record may go beyond it, and the caller counts.

    Raises:
        MalformedError: ``patch.format`` when the records break their format.
    """
    made = 0
    out = _Out()
    while made < length:
        kind = take(1)[0]
        if kind == 0:
            out.add(_counted(take) or _empty())
        elif not 2 <= kind <= 7:
            raise malformed_patch("a record of no known kind")
        else:
            out.put(kind & 1 | (kind // 2 - 1) << 1, 3)
            _fold_block(take, out, kind // 2 - 1)
            if kind & 1:
                out.align()
        piece = out.whole_bytes()
        made += len(piece)
        yield piece


def _empty() -> bytes:
    raise malformed_patch("an empty record")


def _counted(take: Take) -> bytes:
    count = 0
    more = 0x80
    while more & 0x80:
        more = take(1)[0]
        count = count << 7 | more & 0x7F
        if count > MAX_BLOCK_BYTES:
            raise malformed_patch("a record is larger than allowed")
    return take(count)


def _fold_block(take: Take, out: _Out, kind: int) -> None:
    if kind == STORED:
        out.align()
        content = _counted(take)
        if len(content) > 0xFFFF:
            raise malformed_patch("a stored block is too long")
        count = len(content)
        out.add(count.to_bytes(2, "little") + (count ^ 0xFFFF).to_bytes(2, "little") + content)
        return
    literal_codes, distance_codes = _write_tables(_counted(take), out) if kind == DYNAMIC else _fixed()
    literals, matches = _counted(take), _counted(take)
    _write_codes(out, literals, matches, literal_codes, distance_codes)


def _write_tables(codes: bytes, out: _Out) -> tuple[Encoding, Encoding]:
    if len(codes) < 3 or len(codes) < codes[2] + 7 or max(codes[0], codes[1], 2 * codes[2]) > 31:
        raise malformed_patch("a table ends early")
    literals, distances, count = codes[0] + 257, codes[1] + 1, codes[2] + 4
    out.put(codes[0] | codes[1] << 5 | codes[2] << 10, 14)
    for length in codes[3 : 3 + count]:
        out.put(length & 7, 3)
    encoding = _encoding(code_lengths([length & 7 for length in codes[3 : 3 + count]]))
    lengths: list[int] = []
    symbols = iter(codes[3 + count :])
    for symbol in symbols:
        if symbol not in encoding:
            raise malformed_patch("a table that has no code for its own lengths")
        out.put(*encoding[symbol])
        extra = 0
        if symbol in REPEATS:
            extra = next(symbols, 0) & (1 << REPEATS[symbol][1]) - 1
            out.put(extra, REPEATS[symbol][1])
        extend_lengths(lengths, symbol, extra)
    literal_lengths, distance_lengths = two_lists(lengths, literals, distances)
    return _encoding(literal_lengths), _encoding(distance_lengths)


@cache
def _fixed() -> tuple[Encoding, Encoding]:
    return _encoding(FIXED_LENGTHS[0]), _encoding(FIXED_LENGTHS[1])


def _encoding(lengths: Sequence[int]) -> Encoding:
    return {symbol: (code, length) for symbol, code, length in codes_of(lengths)}


def _write_codes(
    out: _Out, literals: bytes, matches: bytes,
    literal_codes: Encoding, distance_codes: Encoding,
) -> None:  # fmt: skip
    lengths, distances = symbols_of()
    at = place = 0
    try:
        while at < len(matches):
            before = matches[at]
            for literal in literals[place : place + before]:
                out.put(*literal_codes[literal])
            place += before
            at += 1
            if before == 255:
                continue
            symbol, value, extra = lengths[matches[at]]
            code, size = literal_codes[symbol]
            out.put(code | value << size, size + extra)
            symbol, value, extra = distances[matches[at + 1] | (matches[at + 2] & 0x7F) << 8]
            code, size = distance_codes[symbol]
            out.put(code | value << size, size + extra)
            at += 3
        for literal in literals[place:]:
            out.put(*literal_codes[literal])
        out.put(*literal_codes[END_OF_BLOCK])
    except (KeyError, IndexError) as error:
        raise malformed_patch("a block says what its tables have no code for") from error


class _Out:
    """Bits on their way into bytes, lowest first."""

    def __init__(self) -> None:
        self._whole = bytearray()
        self._held = self._count = 0

    def put(self, value: int, size: int) -> None:
        self._held |= value << self._count
        self._count += size
        if self._count >= 256:
            self._whole += (self._held & (1 << 256) - 1).to_bytes(32, "little")
            self._held >>= 256
            self._count -= 256

    def align(self) -> None:
        self._whole += self._held.to_bytes((self._count + 7) // 8, "little")
        self._held = self._count = 0

    def add(self, data: bytes) -> None:
        """Add bytes where a byte begins."""
        self.align()
        self._whole += data

    def whole_bytes(self) -> bytes:
        """Return the bytes that are finished."""
        done, self._whole = self._whole, bytearray()
        return bytes(done)
