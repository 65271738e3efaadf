"""JSON without its ambiguities: one value per key, whole numbers, NFC text, bounded size and depth.

Source: RFC 8259 section 4 (names SHOULD be unique) and RFC 7493 (I-JSON), made mandatory.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any, NoReturn

from manifests.errors import MalformedError
from manifests.text import cause_text, count_text

MAX_INTEGER = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly (RFC 7493 section 2.2)."""


def decode_json(data: bytes, *, name: str, max_bytes: int, max_depth: int = 32) -> Any:
    """Read one JSON document.

    Args:
        data: The document's bytes, UTF-8 without a byte order mark.
        name: What to call it in errors.
        max_bytes: Ceiling on ``len(data)``.
        max_depth: Ceiling on nested arrays and objects.

    Raises:
        MalformedError: ``json.too-large``, ``json.utf8``, ``json.syntax``, ``json.duplicate-key``,
            ``json.float``, ``json.integer``, ``json.nfc`` or ``json.depth``.
    """
    text = _text(data, name, max_bytes)

    def refuse_float(literal: str) -> NoReturn:
        raise MalformedError("json.float", f"{name} holds the number {literal[:40]}", need="whole numbers only")

    def whole(literal: str) -> int:
        if len(literal) > 17 or abs(int(literal)) > MAX_INTEGER:
            raise MalformedError(
                "json.integer", f"{name} holds the number {literal[:40]}", need=f"at most {MAX_INTEGER:,}"
            )
        return int(literal)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise MalformedError("json.duplicate-key", f"{name} gives {_first_double(pairs)!r} twice in one object")
        return result

    try:
        value = json.loads(
            text, object_pairs_hook=unique, parse_float=refuse_float, parse_constant=refuse_float, parse_int=whole
        )
    except RecursionError:
        raise MalformedError(
            "json.depth", f"{name} is nested too deeply", need=f"at most {count_text(max_depth, 'level')}"
        ) from None
    except ValueError as error:
        raise MalformedError("json.syntax", f"{name} is not JSON: {cause_text(error)}") from None
    _check_depth(value, name, max_depth)
    _check_text(value, text, name)
    return value


def encode_json(value: Any) -> bytes:
    """Write a document the one way we write it: UTF-8, keys sorted, final newline.

    An array, and an object with one at any depth, has one entry on a line, indented by one space a
    level; everything else stands on one line. So a list of ten thousand files is read as a table is.
    """
    pieces: list[str] = []
    _write(value, "\n", pieces.append)
    return "".join(pieces).encode("utf-8") + b"\n"


_ON_ONE_LINE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False).encode


def _write(value: Any, line: str, write: Callable[[str], object]) -> None:
    """Write a value that begins somewhere in a line; ``line`` is a newline and that line's indent."""
    if not value or not _holds_an_array(value):
        write(_ON_ONE_LINE(value))
        return
    inner = line + " "
    if isinstance(value, dict):
        for separator, key in zip(chain("{", repeat(",")), sorted(value), strict=False):
            write(f"{separator}{inner}{_ON_ONE_LINE(key)}: ")
            _write(value[key], inner, write)
        write(line + "}")
        return
    for separator, entry in zip(chain("[", repeat(",")), value, strict=False):
        write(separator + inner)
        _write(entry, inner, write)
    write(line + "]")


def _holds_an_array(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_an_array(child) for child in value.values())
    return isinstance(value, (list, tuple))


def _text(data: bytes, name: str, max_bytes: int) -> str:
    if len(data) > max_bytes:
        raise MalformedError(
            "json.too-large", f"{name} is too large", have=count_text(len(data), "byte"), need=f"at most {max_bytes:,}"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("json.utf8", f"{name} is not UTF-8 (byte {error.start})") from None


def _first_double(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    raise LookupError("no key stands twice")


def _check_depth(value: Any, name: str, max_depth: int) -> None:
    """Refuse more than ``max_depth`` arrays and objects inside each other."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(max_depth):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
    if level:
        raise MalformedError(
            "json.depth", f"{name} is nested too deeply", need=f"at most {count_text(max_depth, 'level')}"
        )


def _check_text(value: Any, text: str, name: str) -> None:
    """Refuse text that is not NFC, and halves of surrogate pairs.

    Without escapes the document's own text tells: normal forms are closed under substringing, and a quotation
    mark composes with nothing (UAX #15). Escapes can spell what the document's text does not show.
    """
    if "\\u" not in text:
        if not unicodedata.is_normalized("NFC", text):
            raise _not_nfc(name)
        return
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            _check_string(item, name)
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item


def _check_string(text: str, name: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise MalformedError("json.utf8", f"{name} holds half a surrogate pair")
    if not unicodedata.is_normalized("NFC", text):
        raise _not_nfc(name)


def _not_nfc(name: str) -> MalformedError:
    return MalformedError("json.nfc", f"{name} holds text that is not in Unicode normal form C")
