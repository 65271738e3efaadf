"""What comes in place of content, with every sign of success: pointers, pages, errors in JSON or XML."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

from bundler.rules.clamav import UNSIGNED

LOOKED_AT_BYTES = 16 * 1024
"""Longer than any of these; a page may be longer, and is known by its beginning."""

_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = (100, 1024)
"""Three lines with a SHA-256 at least; the specification says less than 1,024."""
_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)?(?:<!doctype\s+html|<html|<head|<body)\b", re.IGNORECASE | re.DOTALL)
_XML_ERROR = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:Error|ErrorResponse|Fault|[A-Za-z]+:Fault)\b")
_ERROR_KEYS = frozenset({"error", "errors", "message", "detail", "error_code", "errorcode", "fault", "exception"})
_ARCHIVES = frozenset({".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".zip", ".tar", ".7z", ".dsru"})
_LISTS = frozenset({".csv", ".tsv", ".list", ".lst", ".netset", ".ipset", ".intel"})
_RULES = frozenset({".rules", ".yar", ".yara"})
_CONTENT = UNSIGNED | _ARCHIVES | _LISTS | _RULES | {".cvd", ".cld"}
"""What surely is no page and no document. Names of other kinds may be right for anything."""


def may_stand_in(path: str, length: int) -> bool:
    """Tell whether a file of this name and length is worth a look: most of many small files are not."""
    return _POINTER_BYTES[0] <= length <= _POINTER_BYTES[1] or PurePosixPath(path).suffix.lower() in _CONTENT | {".txt"}


def stand_in_of(path: str, beginning: bytes, length: int) -> str | None:
    """Name what stands in place of a file's content, if something does.

    Args:
        path: The file's name: a page is right in ``a.html``, and anything in a name that says nothing.
        beginning: Its first ``LOOKED_AT_BYTES``.
        length: Of all of it.
    """
    suffix = PurePosixPath(path).suffix.lower()
    text = beginning.removeprefix(b"\xef\xbb\xbf")
    if text.startswith(_POINTER) and length <= _POINTER_BYTES[1]:
        return "a pointer of Git LFS"
    if suffix in _CONTENT and _PAGE.match(text):
        return "a web page"
    if suffix in _CONTENT and _XML_ERROR.match(text):
        return "an error in XML"
    whole = length == len(beginning) and suffix in _CONTENT | {".txt"}
    return "an error in JSON" if whole and _is_json_error(text) else None


def _is_json_error(data: bytes) -> bool:
    if not data.lstrip().startswith(b"{"):
        return False
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    status = value.get("status") if isinstance(value, dict) else None
    refused = isinstance(status, int) and status >= 400
    return isinstance(value, dict) and (refused or value.get("success") is False or bool(_ERROR_KEYS & value.keys()))
