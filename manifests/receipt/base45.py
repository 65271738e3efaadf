"""Base45: bytes as the 45 characters that QR codes store most densely. Source: RFC 9285."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def encode_base45(data: bytes) -> str:
    """Write two bytes as three characters, a last odd one as two."""
    return "".join(_group(data[start : start + 2]) for start in range(0, len(data), 2))


def decode_base45(text: str) -> bytes:
    """Read what :func:`encode_base45` writes.

    Raises:
        ValueError: A character, a length or a group that no bytes are written as.
    """
    return b"".join(_bytes(text[start : start + 3]) for start in range(0, len(text), 3))


def _group(pair: bytes) -> str:
    number, characters = int.from_bytes(pair, "big"), []
    for _ in range(len(pair) + 1):
        number, value = divmod(number, 45)
        characters.append(_ALPHABET[value])
    return "".join(characters)


def _bytes(group: str) -> bytes:
    length = len(group) - 1
    if length == 0:
        raise ValueError(f"{group!r} is half a group of base45")
    try:
        number: int = sum(_VALUES[character] * 45**place for place, character in enumerate(group))
        return number.to_bytes(length, "big")
    except (KeyError, OverflowError) as error:
        raise ValueError(f"{group!r} is not base45") from error
