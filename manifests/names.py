"""The grammars of names: sources, publishers and target paths.

A target path is never used as a path on disk (content is stored by digest); the grammar keeps it
unambiguous for URLs, TUF path patterns, terminals and the file systems that clients write to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from manifests.errors import MalformedError

MAX_PATH_BYTES = 1024
MAX_SEGMENT_BYTES = 255
"""What ext4, NTFS and most others take for one name."""
MAX_SEGMENTS = 16
"""One TUF path pattern is delegated per depth, so the depth has a ceiling."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TUF_ROLES = frozenset({"root", "timestamp", "snapshot", "targets"})
_PLAIN = re.compile(r"[ -\[\]-~]+")
"""ASCII text without controls and backslashes: most paths, and quick to tell."""


def check_source_name(name: str) -> str:
    """Return the name of a source, which is also a TUF role and the first part of a URL.

    Raises:
        MalformedError: ``name.source``.
    """
    if not _NAME.fullmatch(name) or name in _TUF_ROLES:
        raise MalformedError(
            "name.source",
            f"{name!r} cannot be the name of a source",
            need="1-63 of a-z, 0-9 and inner hyphens; not root, timestamp, snapshot or targets",
        )
    return name


def check_publisher_name(name: str) -> str:
    """Return the name of a publisher, which begins the names of its bundles.

    Raises:
        MalformedError: ``name.publisher``.
    """
    if not _NAME.fullmatch(name):
        raise MalformedError(
            "name.publisher",
            f"{name!r} cannot be the name of a publisher",
            need="1-63 of a-z, 0-9 and inner hyphens",
        )
    return name


def check_target_path(path: str) -> str:
    """Return a target path such as ``clamav/daily.cvd``.

    Raises:
        MalformedError: ``path.length``, ``path.segment``, ``path.depth``, ``path.character`` or ``path.nfc``.
    """
    try:
        encoded = path.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedError("path.character", f"The path {path!r} is not Unicode text") from None
    if not 1 <= len(encoded) <= MAX_PATH_BYTES:
        raise MalformedError(
            "path.length", f"The path {path[:80]!r} is too long", need=f"at most {MAX_PATH_BYTES} bytes"
        )
    if not _PLAIN.fullmatch(path):
        _check_characters(path)
    segments = path.split("/")
    if len(segments) > MAX_SEGMENTS:
        raise MalformedError("path.depth", f"The path {path!r} is too deep", need=f"at most {MAX_SEGMENTS} parts")
    for segment in segments:
        if segment in {"", ".", ".."} or len(segment.encode("utf-8")) > MAX_SEGMENT_BYTES:
            raise MalformedError("path.segment", f"The path {path!r} has the part {segment[:80]!r}")
    return path


def _check_characters(path: str) -> None:
    if not unicodedata.is_normalized("NFC", path):
        raise MalformedError("path.nfc", f"The path {path!r} is not in Unicode normal form C")
    if "\\" in path or any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in path):
        raise MalformedError("path.character", f"The path {path!r} holds a backslash or an invisible character")


def check_path_set(paths: Iterable[str]) -> None:
    """Refuse a set in which one path stands twice or is both a file and a directory.

    Raises:
        MalformedError: ``path.duplicate`` or ``path.file-and-directory``.
    """
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise MalformedError("path.duplicate", f"The path {path!r} is listed twice")
        seen.add(path)
    for path in seen:
        parent = path.rpartition("/")[0]
        while parent:
            if parent in seen:
                raise MalformedError("path.file-and-directory", f"{parent!r} is a file and the directory of {path!r}")
            parent = parent.rpartition("/")[0]
