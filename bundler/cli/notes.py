"""The release notes that ``bundle create --note`` names, as they are carried: UTF-8 text."""

from __future__ import annotations

from pathlib import Path

from manifests.disk.given_file import read_given_file
from manifests.errors import UsageError
from manifests.limits import DEFAULT_LIMITS
from manifests.text import decode_text


def read_notes(path: Path) -> bytes:
    """Read release notes, whatever editor wrote them.

    Returns:
        UTF-8 without a byte order mark.

    Raises:
        UsageError: ``create.notes``: they are no text that every site could show; ``file.*``.
        StorageError: They cannot be read.
    """
    data = read_given_file(path, max_bytes=DEFAULT_LIMITS.notes_bytes, what="release notes").data
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        raise UsageError(
            "create.notes",
            f"The release notes in {path} are not UTF-8 text",
            have=f"the byte {error.object[error.start]:#04x} at {error.start:,}",
            todo=f"save them as UTF-8; from Latin-1: iconv -f latin1 -t utf-8 {path} > notes.md",
        ) from None
    if "\0" in text:
        raise UsageError("create.notes", f"{path} is not text", need="release notes in Markdown")
    return text.encode("utf-8")
