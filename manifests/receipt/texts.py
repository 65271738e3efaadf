"""A receipt as texts for QR codes: ``SEALIFT1:<k>/<n>:<base45>``, read back in any order.

The bytes of a text are: CRC-32 of all that follows and of ``<k>/<n>`` (4), the first bytes of the SHA-256 of
the whole compact form (4, so that texts of two receipts are told apart), then its share of the compact form.
Base45 never ends in a space (the last character of a group is below 33), so what editors do to the end of a
line is harmless.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from manifests.errors import IncompleteError, MalformedError
from manifests.receipt import base45
from manifests.receipt.envelope import compact_receipt, expand_receipt
from manifests.text import count_text

TEXT_MARK = "SEALIFT1:"
MAX_TEXT_CHARACTERS = 4296
"""What the largest QR code takes in its alphanumeric mode: ISO/IEC 18004 version 40, error correction L."""
MAX_TEXTS = 99
"""Nobody reads a hundred codes off a screen."""

_TEXT = re.compile(rf"{TEXT_MARK}(?P<index>[1-9][0-9]?)/(?P<count>[1-9][0-9]?):(?P<data>.*)", re.DOTALL)
_CRC_BYTES = 4
_ID_BYTES = 4


@dataclass(frozen=True)
class _Part:
    index: int
    count: int
    id: bytes
    share: bytes


def receipt_to_texts(data: bytes, max_characters: int = MAX_TEXT_CHARACTERS) -> tuple[str, ...]:
    """Return a receipt file as texts.

    Args:
        data: The receipt file.
        max_characters: Of one text.

    Raises:
        MalformedError: ``receipt.too-large``: too many texts to read off a screen.
    """
    compact = compact_receipt(data)
    room = (max_characters - len(f"{TEXT_MARK}99/99:")) // 3 * 2 - _CRC_BYTES - _ID_BYTES
    shares = [compact[start : start + room] for start in range(0, len(compact), room)]
    if len(shares) > MAX_TEXTS:
        raise MalformedError(
            "receipt.too-large",
            "The receipt is too large to be read off a screen",
            have=count_text(len(shares), "code"),
            need=f"at most {MAX_TEXTS}",
            todo="a larger terminal, or: relay receipt --out FILE",
        )
    identity = hashlib.sha256(compact).digest()[:_ID_BYTES]
    return tuple(_text(_Part(index, len(shares), identity, share)) for index, share in enumerate(shares, 1))


def receipts_from_texts(lines: Iterable[str]) -> tuple[bytes, ...]:
    """Return the receipt files of texts that may be mixed, repeated and in any order.

    Args:
        lines: One text each; lines without a text (times, headings of a phone's note) are passed over.

    Returns:
        Each receipt's file, by first appearance; nothing is verified yet.

    Raises:
        MalformedError: ``receipt.text`` (a text that was not copied whole), ``receipt.form``.
        IncompleteError: ``receipt.parts``: says which are missing.
    """
    found: dict[tuple[bytes, int], dict[int, bytes]] = {}
    for line in lines:
        start = line.find(TEXT_MARK)
        if start >= 0:
            part = _part(line[start:].rstrip())
            found.setdefault((part.id, part.count), {})[part.index] = part.share
    return tuple(_join(identity, count, shares) for (identity, count), shares in found.items())


def _text(part: _Part) -> str:
    rest = part.id + part.share
    return f"{TEXT_MARK}{part.index}/{part.count}:{base45.encode_base45(_crc(part.index, part.count, rest) + rest)}"


def _crc(index: int, count: int, rest: bytes) -> bytes:
    return zlib.crc32(f"{index}/{count}:".encode("ascii") + rest).to_bytes(_CRC_BYTES, "big")


def _part(text: str) -> _Part:
    match = _TEXT.fullmatch(text)
    if match is not None:
        index, count, raw = int(match["index"]), int(match["count"]), _bytes_of(match["data"])
        crc, rest = raw[:_CRC_BYTES], raw[_CRC_BYTES:]
        if index <= count and len(rest) >= _ID_BYTES and crc == _crc(index, count, rest):
            return _Part(index, count, rest[:_ID_BYTES], rest[_ID_BYTES:])
    raise MalformedError(
        "receipt.text",
        f"The text {text[:24]!r}... was not copied whole",
        need="the text of the QR code as it is, in one line, spaces included",
        todo="scan that code again",
    )


def _bytes_of(text: str) -> bytes:
    try:
        return base45.decode_base45(text)
    except ValueError:
        return b""


def _join(identity: bytes, count: int, shares: dict[int, bytes]) -> bytes:
    missing = [str(index) for index in range(1, count + 1) if index not in shares]
    if missing:
        raise IncompleteError(
            "receipt.parts",
            f"Of a receipt's {count_text(count, 'code')} not all are here",
            have=", ".join(map(str, sorted(shares))),
            need=", ".join(missing),
            todo=f"scan code {' and '.join(missing)} too" if len(missing) <= 4 else "scan the missing ones too",
            missing=",".join(missing),
        )
    compact = b"".join(shares[index] for index in range(1, count + 1))
    if hashlib.sha256(compact).digest()[:_ID_BYTES] != identity:
        raise MalformedError("receipt.text", "The codes do not make one receipt", todo="scan all of them again")
    return expand_receipt(compact)
