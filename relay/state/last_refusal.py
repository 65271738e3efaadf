"""The outcome of the last refusal, in a file of its own: a refusal leaves the database byte for byte as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from manifests.clock import instant_text, parse_instant
from manifests.disk import durable
from manifests.errors import MalformedError
from relay.state.records import LastOutcome

LAST_REFUSAL = "last-refusal.json"
"""The file, beside the database."""

_TAIL_BYTES = 256 * 1024
"""How far back the last refusal was looked for in the audit log, before it had a file."""


def load_last_refusal(path: Path) -> LastOutcome | None:
    """Return the outcome of the last refusal; ``None`` before the first, or where the file is not what was written.

    Raises:
        StorageError: It cannot be read.
    """
    with durable.storage_errors(path):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        value: Any = json.loads(data)
        return LastOutcome(parse_instant(value["at"]), str(value["subject"]), str(value["text"]))
    except (ValueError, KeyError, TypeError, MalformedError):
        return None


def save_last_refusal(path: Path, outcome: LastOutcome) -> None:
    """Replace the outcome of the last refusal, durably.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    value = {"at": instant_text(outcome.at), "subject": outcome.subject, "text": outcome.text}
    durable.write_file(path, json.dumps(value, sort_keys=True).encode("ascii"))


def take_over_last_refusal(directory: Path) -> None:
    """Save the last refusal that the audit log tells of, once, when an older state is brought up to date.

    Args:
        directory: The relay's.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    path = directory / LAST_REFUSAL
    with durable.storage_errors(directory):
        if path.exists():
            return
        for log in (directory / "audit.jsonl", *sorted(directory.glob("audit.*.jsonl"), reverse=True)):
            if log.is_file():
                with log.open("rb") as file:
                    file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
                    found = [outcome for line in file if (outcome := _refusal(line)) is not None]
                if found:
                    save_last_refusal(path, found[-1])
                    return


def _refusal(line: bytes) -> LastOutcome | None:
    try:
        value: Any = json.loads(line)
        if value["kind"] != "refused":
            return None
        return LastOutcome(parse_instant(value["at"]), str(value["details"]["code"]), value["text"])
    except (ValueError, KeyError, TypeError, MalformedError):
        return None  # torn by a power cut, or the first piece of a tail


def stamp_last_refusal(path: Path) -> tuple[int, int]:
    """Return what differs once there was another refusal."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns
