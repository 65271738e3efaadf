"""Deflate streams to records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from manifests.patches.deflate.tables import (
    DISTANCES,
    DYNAMIC,
    END_OF_BLOCK,
    FIXED_LENGTHS,
    LENGTHS,
    MAX_BLOCK_BYTES,
    REPEATS,
    STORED,
    code_lengths,
    codes_of,
    extend_lengths,
    two_lists,
)
from manifests.patches.section import malformed_patch

Decoding = list[tuple[int, int]]


def encode_number(value: int) -> bytes:
    """Return a number in seven bits a byte, highest first."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.insert(0, value & 0x7F | 0x80)
    return bytes(groups)


def unfold_streams(data: bytes, streams: Sequence[int]) -> Iterator[bytes]:
    """Yield the records of ``data``, whose deflate streams begin at ``streams``.

    Raises:
        MalformedError: ``patch.format`` when there is no stream at one of these places, or a strange one.
    """
    at = 0
    for start in streams:
        if not at <= start <= len(data):
            raise malformed_patch("a stream begins where none can be")
        yield from _outside(data[at:start])
        bits = _Bits(data, start)
        final = 0
        while not final:
            final, kind = bits.take(1), bits.take(2)
            if kind > DYNAMIC:
                raise malformed_patch("a block of no known type")
            yield bytes((2 + 2 * kind + final,))
            yield _unfold_stored(bits) if kind == STORED else _unfold_block(bits, dynamic=kind == DYNAMIC)
        at = bits.align()
    yield from _outside(data[at:])


def _outside(data: bytes) -> Iterator[bytes]:
    step = MAX_BLOCK_BYTES
    for at in range(0, len(data), step):
        piece = data[at : at + step]
        yield b"\0" + encode_number(len(piece)) + piece


def _unfold_stored(bits: _Bits) -> bytes:
    at = bits.align()
    count = int.from_bytes(bits.data[at : at + 2], "little")
    content = bits.data[at + 4 : at + 4 + count]
    if count ^ 0xFFFF != int.from_bytes(bits.data[at + 2 : at + 4], "little") or len(content) != count:
        raise malformed_patch("a stored block with two lengths")
    bits.at = at + 4 + count
    return encode_number(count) + content


def _unfold_block(bits: _Bits, *, dynamic: bool) -> bytes:
    tables, lengths = _read_tables(bits) if dynamic else (b"", FIXED_LENGTHS)
    literals, matches = _read_codes(bits, _decoding(lengths[0]), _decoding(lengths[1]))
    if max(len(literals), len(matches)) > MAX_BLOCK_BYTES:
        raise malformed_patch("a block is larger than allowed")
    head = encode_number(len(tables)) + tables if dynamic else b""
    return b"".join((head, encode_number(len(literals)), literals, encode_number(len(matches)), matches))


def _read_tables(bits: _Bits) -> tuple[bytes, tuple[Sequence[int], Sequence[int]]]:
    """Read a dynamic block's tables; return their codes as bytes, and the two lists of code lengths."""
    literals, distances, count = bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4
    codes = bytearray((literals - 257, distances - 1, count - 4))
    codes += bytes(bits.take(3) for _ in range(count))
    decoding = _decoding(code_lengths(codes[3:]))
    lengths: list[int] = []
    while len(lengths) < literals + distances:
        symbol = bits.symbol(decoding)
        codes.append(symbol)
        if symbol in REPEATS:
            codes.append(bits.take(REPEATS[symbol][1]))
        extend_lengths(lengths, symbol, codes[-1])
    return bytes(codes), two_lists(lengths, literals, distances)


def _decoding(lengths: Sequence[int]) -> Decoding:
    """Return symbol and length by the next bits; length 0 where no code stands."""
    widest = max(lengths, default=0)
    table = [(0, 0)] * (1 << widest)
    for symbol, code, length in codes_of(lengths):
        for place in range(code, 1 << widest, 1 << length):
            table[place] = (symbol, length)
    return table


def _read_codes(bits: _Bits, literal_codes: Decoding, distance_codes: Decoding) -> tuple[bytes, bytes]:
    """Read a block's codes to its end. All is in local names: this is where the time goes."""
    data, at, ahead, count = bits.data, bits.at, bits.ahead, bits.count
    literals, matches, before = bytearray(), bytearray(), 0
    literal_mask, distance_mask, end = len(literal_codes) - 1, len(distance_codes) - 1, len(data) + 16
    while True:
        if count < 48:
            ahead |= int.from_bytes(data[at : at + 8], "little") << count
            at += 8
            count += 64
            if at > end:
                raise malformed_patch("a stream ends early")
        symbol, size = literal_codes[ahead & literal_mask]
        if not size:
            raise malformed_patch("a code that stands for nothing")
        ahead >>= size
        count -= size
        if symbol < END_OF_BLOCK:
            literals.append(symbol)
            before += 1
            continue
        if symbol == END_OF_BLOCK:
            break
        if symbol > 285:
            raise malformed_patch("a length that stands for nothing")
        least, extra = LENGTHS[symbol - 257]
        length = least + (ahead & (1 << extra) - 1)
        ahead >>= extra
        count -= extra
        symbol, size = distance_codes[ahead & distance_mask]
        if not size:
            raise malformed_patch("a code that stands for nothing")
        ahead >>= size
        least, extra = DISTANCES[symbol]
        distance = least + (ahead & (1 << extra) - 1) - 1
        ahead >>= extra
        count -= size + extra
        while before >= 255:
            matches.append(255)
            before -= 255
        matches += bytes((before, length - 3, distance & 255, distance >> 8))
        before = 0
    bits.at, bits.ahead, bits.count = at, ahead, count
    return bytes(literals), bytes(matches)


class _Bits:
    """Bits of a byte string, lowest first."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.ahead = self.count = 0

    def take(self, size: int) -> int:
        self._fill()
        value = self.ahead & (1 << size) - 1
        self.ahead >>= size
        self.count -= size
        return value

    def symbol(self, decoding: Decoding) -> int:
        self._fill()
        symbol, size = decoding[self.ahead & len(decoding) - 1]
        if not size:
            raise malformed_patch("a code that stands for nothing")
        self.take(size)
        return symbol

    def align(self) -> int:
        """Pass over what is left of a byte, which must be zero, and return where the next one is."""
        if self.take(self.count % 8):
            raise malformed_patch("a stream with bits that say nothing")
        at = self.at - self.count // 8
        if at > len(self.data):
            raise malformed_patch("a stream ends early")
        self.at, self.ahead, self.count = at, 0, 0
        return at

    def _fill(self) -> None:
        if self.count < 16:
            if self.at > len(self.data) + 16:
                raise malformed_patch("a stream ends early")
            self.ahead |= int.from_bytes(self.data[self.at : self.at + 8], "little") << self.count
            self.at += 8
            self.count += 64
