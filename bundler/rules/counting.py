"""How many rules or signatures stand in a file, whatever its format: none at all is a reason to ask why."""

from __future__ import annotations

from typing import BinaryIO

from bundler.rules.clamav import count_signatures, is_database
from bundler.rules.readers import reader_of
from bundler.rules.rule import MAX_FILE_BYTES
from manifests.errors import MalformedError


def is_counted(path: str) -> bool:
    """Tell whether rules or signatures of files of this name are counted."""
    return is_database(path) or reader_of(path) is not None


def count_active(path: str, file: BinaryIO) -> int | None:
    """Count the signatures, or the rules that are enabled; ``None`` where nobody can tell.

    Args:
        path: Its name.
        file: Its content, from the beginning.
    """
    reader = reader_of(path)
    if reader is None:
        return count_signatures(path, file) if is_database(path) else None
    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        return None
    try:
        return sum(rule.enabled for rule in reader(data))
    except MalformedError:
        return None
