"""The grammar of member names: what means one file on every system, whoever unpacks it.

Names are never used as paths on the relay; the grammar protects the person who opens a bundle with
an ordinary tool, and keeps two readers from seeing two different sets of files.
"""

from __future__ import annotations

import re
from typing import Final

from manifests.errors import DamagedContainerError

MAX_NAME_BYTES: Final = 255
"""Longest name; ours have at most 85."""
MAX_NAME_SEGMENTS: Final = 8

_DEVICE: Final = r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:[./]|\Z)"
"""What DOS and Windows take for a device, whatever suffix follows."""
_PART: Final = rf"(?!(?i:{_DEVICE}))[A-Za-z0-9_](?:[A-Za-z0-9._+-]*[A-Za-z0-9_+-])?"
"""Windows drops a dot from an end, so there is none."""
_NAME: Final = re.compile(rf"{_PART}(?:/{_PART}){{0,{MAX_NAME_SEGMENTS - 1}}}".encode("ascii"))


def check_member_name(raw: bytes) -> str:
    """Return a member's name.

    Args:
        raw: The bytes of the record, before any decoding.

    Raises:
        DamagedContainerError: ``zip.name-empty``, ``.name-length``, ``.name-directory``, ``.name-characters``,
            ``.name-absolute``, ``.name-part``, ``.name-depth``, ``.name-device`` or ``.name-trailing-dot``.

    Source: APPNOTE 4.4.17.1, narrowed.
    """
    if len(raw) > MAX_NAME_BYTES or not _NAME.fullmatch(raw):
        raise _reason(raw)
    return raw.decode("ascii")


def _reason(raw: bytes) -> DamagedContainerError:
    """Say which rule a refused name breaks first."""
    parts = raw.split(b"/")
    rules = (
        ("zip.name-empty", not raw, "is empty"),
        ("zip.name-length", len(raw) > MAX_NAME_BYTES, f"is longer than {MAX_NAME_BYTES} bytes"),
        ("zip.name-characters", re.search(rb"[^A-Za-z0-9._+/-]", raw), "holds a character that is not allowed"),
        ("zip.name-absolute", raw.startswith(b"/"), "begins at the root"),
        ("zip.name-directory", raw.endswith(b"/"), "is a directory"),
        ("zip.name-depth", len(parts) > MAX_NAME_SEGMENTS, f"has more than {MAX_NAME_SEGMENTS} parts"),
        (
            "zip.name-part",
            any(part[:1] in b".+-" for part in parts),
            "has a part that is empty or begins with . + or -",
        ),
        ("zip.name-trailing-dot", any(part.endswith(b".") for part in parts), "has a part that ends in a dot"),
    )
    shown = raw[:80].decode("ascii", "backslashreplace")
    for code, broken, text in rules:
        if broken:
            return DamagedContainerError(code, f"The member name {shown!r} {text}", need="parts of A-Z a-z 0-9 _ . + -")
    return DamagedContainerError("zip.name-device", f"The member name {shown!r} is a device on DOS and Windows")


class MemberNames:
    """The names of one container, which must differ on every file system."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._directories: set[str] = set()

    def add(self, name: str) -> None:
        """Take one more name.

        Raises:
            DamagedContainerError: ``zip.duplicate-name``, ``zip.case-collision`` or ``zip.file-and-directory``.
        """
        lowered = name.lower()
        folded = name if lowered == name else lowered
        if folded in self._files:
            code = "zip.duplicate-name" if self._files[folded] == name else "zip.case-collision"
            raise DamagedContainerError(code, f"The member names {self._files[folded]!r} and {name!r} are one name")
        if folded in self._directories:
            raise DamagedContainerError("zip.file-and-directory", f"{name!r} is a member and the directory of another")
        self._files[folded] = name
        parent = folded.rpartition("/")[0]
        while parent and parent not in self._directories:
            if parent in self._files:
                raise DamagedContainerError(
                    "zip.file-and-directory", f"{parent!r} is a member and the directory of {name!r}"
                )
            self._directories.add(parent)
            parent = parent.rpartition("/")[0]
