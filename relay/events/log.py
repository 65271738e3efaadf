"""The audit log: what changed the state stands in the database, what changed nothing in files beside it.

A refusal must leave the database byte for byte as it was, so it is a line of ``audit.jsonl``. That file only grows;
once it is large it gets a number, ``audit.000001.jsonl``, and a new one is begun. Numbered files are never changed
and never removed. A line that a power cut tore is passed over.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from manifests.clock import instant_text, parse_instant
from manifests.disk.durable import fsync_directory, replace_file, storage_errors
from manifests.disk.lock import lock_open_file, unlock_open_file
from manifests.errors import MalformedError
from manifests.limits import MIB
from relay.home import Home
from relay.state import Event, State

REFUSED = "refused"
"""Kind of the event of a refused bundle; its ``code`` is the reason."""

FILE_BYTES = 8 * MIB
"""Size from which a file is put aside: some ten thousand lines, which any editor opens."""

_ASIDE = re.compile(r"audit\.([0-9]{6,})\.jsonl")


def log_event(home: Home, event: Event, *, file_bytes: int = FILE_BYTES) -> None:
    """Append an event to the audit log, durably.

    Args:
        home: The relay's directory.
        event: What happened.
        file_bytes: Size from which a file is put aside.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    line = json.dumps(
        {"at": instant_text(event.at), "kind": event.kind, "text": event.text, "details": dict(event.details)},
        sort_keys=True,
        ensure_ascii=True,
    )
    with storage_errors(home.audit_file), _appending(home, file_bytes) as descriptor:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        rest = (b"\n" if torn else b"") + line.encode("ascii") + b"\n"
        while rest:  # a disk that fills takes some of it, and fails the next time
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
        if size == 0:
            fsync_directory(home.path)


def read_events(home: Home, state: State, limit: int | None = None, kinds: Collection[str] = ()) -> tuple[Event, ...]:
    """Return the newest events of the state and of the audit log, newest last.

    Args:
        home: The relay's directory.
        state: Its open state.
        limit: How many at most; ``None`` for all.
        kinds: Which ones; all when empty.
    """
    logged: list[Event] = []
    for events in _newest_first(home):
        logged[:0] = [event for event in events if not kinds or event.kind in kinds]
        if limit is not None and len(logged) >= limit:
            break
    kept = state.event_rows.list_events(kinds, limit=-1 if limit is None else limit)
    merged = sorted((*kept, *logged), key=lambda event: event.at)
    return tuple(merged if limit is None else merged[max(len(merged) - limit, 0) :])


@contextmanager
def _appending(home: Home, file_bytes: int) -> Iterator[int]:
    """Open the file that grows, for one writer at a time, after putting a large one aside.

    Whoever waited for a file that was put aside meanwhile opens the new one.
    """
    while True:
        descriptor = os.open(home.audit_file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            lock_open_file(descriptor, home.audit_file, wait=True)
            status = os.fstat(descriptor)
            if _is_put_aside(home, status) or (status.st_size >= file_bytes and _put_aside(home, status)):
                continue
            yield descriptor
            return
        finally:
            unlock_open_file(descriptor)
            os.close(descriptor)


def _is_put_aside(home: Home, status: os.stat_result) -> bool:
    """Tell whether an open file no longer is the one that grows."""
    try:
        return home.audit_file.stat().st_ino != status.st_ino
    except FileNotFoundError:
        return True


def _put_aside(home: Home, status: os.stat_result) -> bool:
    """Give the file that grows the next number; where that cannot be, it grows on, for no line may be lost."""
    number = max((number for number, _ in _aside(home)), default=0) + 1
    try:
        replace_file(home.audit_file, home.path / f"audit.{number:06}.jsonl")
    except OSError:
        return False
    with suppress(OSError):  # begun by root, the new one must not shut the service out
        descriptor = os.open(home.audit_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IMODE(status.st_mode))
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        finally:
            os.close(descriptor)
    return True


def _aside(home: Home) -> list[tuple[int, Path]]:
    """Return the numbered files, oldest first."""
    found = ((_ASIDE.fullmatch(path.name), path) for path in home.path.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def _newest_first(home: Home) -> Iterator[list[Event]]:
    """Yield the events of each file, the newest file first."""
    seen: set[int] = set()
    for path in _paths(home):
        with storage_errors(path):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                status = os.fstat(file.fileno())
                if status.st_ino in seen:
                    continue
                seen.add(status.st_ino)
                events = [event for line in file if (event := _event(line)) is not None]
        yield events


def _paths(home: Home) -> Iterator[Path]:
    """Yield the files, newest first. One that is put aside meanwhile comes twice, and none is passed over."""
    yield home.audit_file
    yield from (path for _, path in reversed(_aside(home)))


def _event(line: bytes) -> Event | None:
    try:
        value: Any = json.loads(line)
        return Event(parse_instant(value["at"]), value["kind"], value["text"], value["details"])
    except (ValueError, KeyError, TypeError, MalformedError):
        return None  # torn by a power cut
