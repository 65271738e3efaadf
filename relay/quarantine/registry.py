"""The quarantine: which bundles were refused and why, with an encrypted copy of each as long as there is room.

``<id>.sealed`` is the copy (:mod:`relay.quarantine.encrypted_copy`), ``<id>.json`` the record; ``id`` is the first half
of the content's SHA-256 digits. ``key`` encrypts them all.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from manifests.bundle.opening import open_bundle
from manifests.clock import instant_text, parse_instant
from manifests.disk import durable
from manifests.errors import MalformedError, SealiftError, StorageError, UsageError
from manifests.text import count_text, printable
from relay.config import Config
from relay.home import Home
from relay.quarantine.encrypted_copy import KEY_BYTES, decrypted_chunks, encrypt_copy, write_new_file

_ID_DIGITS = 32


@dataclass(frozen=True)
class RefusedBundle:
    """The record of one refused bundle. ``kept`` tells whether its content is here; ``times`` how often it came."""

    id: str
    code: str
    exit_code: int
    text: str
    at: datetime
    name: str
    directory: str
    sha256: str
    length: int
    kept: bool
    times: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the record as one JSON object."""
        return {**asdict(self), "at": instant_text(self.at)}


def create_quarantine(home: Home) -> None:
    """Make the quarantine and its key."""
    durable.make_directory(home.quarantine, mode=0o700)
    durable.write_file(home.quarantine / "key", secrets.token_bytes(KEY_BYTES), mode=0o600)


def quarantine_bundle(home: Home, config: Config, path: Path, error: SealiftError, now: datetime) -> RefusedBundle:
    """Take a copy of a refused bundle into quarantine; the file itself is left to whoever asked.

    Of a file too large for the quarantine, or for the disk, only a record is kept; it says so.

    Args:
        home: The relay's directory.
        config: Its configuration.
        path: The refused file.
        error: Why it was refused.
        now: The system's time.

    Raises:
        MalformedError: ``bundle.not-a-file`` or ``bundle.hard-link``: not a thing that can be kept.
        StorageError: The disk is failing.
    """
    with open_bundle(path) as file, durable.storage_errors(path):
        kept = _make_room(home, config, os.fstat(file.fileno()).st_size)
        temporary = home.quarantine / f".{secrets.token_hex(8)}.tmp"
        try:
            content = encrypt_copy(_key(home), file, temporary if kept else None)
            record = RefusedBundle(
                id=content.sha256[:_ID_DIGITS],
                code=error.code,
                exit_code=error.exit_code,
                text=str(error),
                at=now,
                name=printable(path.name),
                directory=printable(str(path.parent)),
                sha256=content.sha256,
                length=content.length,
                kept=kept,
            )
            record = _keep(home, record, temporary)
        finally:
            temporary.unlink(missing_ok=True)
    return record


def refused_bundles(home: Home) -> tuple[RefusedBundle, ...]:
    """Return the record of every refused bundle, oldest first."""
    with durable.storage_errors(home.quarantine):
        found = [_read_record(path) for path in home.quarantine.glob("[!.]*.json")]
    return tuple(sorted(found, key=lambda record: (record.at, record.id)))


def find_refused_bundle(home: Home, prefix: str) -> RefusedBundle:
    """Return the record of the one refused bundle whose id begins with ``prefix``.

    Raises:
        UsageError: ``quarantine.unknown`` or ``quarantine.ambiguous``.
    """
    found = [record for record in refused_bundles(home) if record.id.startswith(prefix)]
    if len(found) != 1 or not prefix:
        code = "quarantine.ambiguous" if found else "quarantine.unknown"
        raise UsageError(
            code,
            f"The id {prefix!r} fits {count_text(len(found), 'file')} in quarantine",
            todo="relay quarantine list",
        )
    return found[0]


def content_of_refused(home: Home, record: RefusedBundle) -> Iterator[bytes]:
    """Yield the bytes of a refused bundle again.

    Raises:
        StorageError: ``quarantine.not-kept``, or the file cannot be read.
        NotAuthenticError: ``quarantine.damaged``: not what was encrypted.
    """
    if not record.kept:
        raise StorageError("quarantine.not-kept", f"The content of {record.name} was too large to keep")
    with durable.storage_errors(home.quarantine):
        key = _key(home)
    yield from decrypted_chunks(key, _copy_path(home, record.id))


def export_refused(home: Home, record: RefusedBundle, path: Path) -> None:
    """Write a refused bundle to ``path``, which must not exist; it stays in quarantine.

    Raises:
        UsageError: ``quarantine.file-exists``.
        StorageError: The disk is full, read-only or failing; nothing is left at ``path``.
        NotAuthenticError: ``quarantine.damaged``.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    with durable.storage_errors(path):
        if path.exists() or path.is_symlink():
            raise UsageError("quarantine.file-exists", f"{path} is there already", todo="choose another --out")
        try:
            write_new_file(temporary, content_of_refused(home, record))
            durable.replace_file(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def restore_refused(home: Home, config: Config, record: RefusedBundle) -> Path:
    """Put a refused bundle back into the first inbox, to be tried again, and return where.

    Raises:
        As :func:`export_refused`.
    """
    directory = config.inboxes[0].path if config.inboxes else home.inbox
    path = directory / Path(record.name).name
    export_refused(home, record, path)
    delete_refused(home, record)
    return path


def delete_refused(home: Home, record: RefusedBundle) -> None:
    """Remove a refused bundle and its record for good."""
    with durable.storage_errors(home.quarantine):
        _copy_path(home, record.id).unlink(missing_ok=True)
        _record_path(home, record.id).unlink(missing_ok=True)
        durable.fsync_directory(home.quarantine)


def _key(home: Home) -> bytes:
    return (home.quarantine / "key").read_bytes()


def _copy_path(home: Home, record_id: str) -> Path:
    return home.quarantine / f"{record_id}.sealed"


def _record_path(home: Home, record_id: str) -> Path:
    return home.quarantine / f"{record_id}.json"


def _keep(home: Home, record: RefusedBundle, temporary: Path) -> RefusedBundle:
    """Bring content and record into place; a file that came before is counted."""
    with suppress(FileNotFoundError):
        before = _read_record(_record_path(home, record.id))
        record = replace(record, times=before.times + 1, kept=record.kept or before.kept)
    if temporary.exists():
        durable.replace_file(temporary, _copy_path(home, record.id))
    data = json.dumps(record.to_json(), sort_keys=True, indent=1, ensure_ascii=True)
    durable.write_file(_record_path(home, record.id), data.encode("ascii") + b"\n", mode=0o600)
    return record


def _read_record(path: Path) -> RefusedBundle:
    try:
        value = json.loads(path.read_bytes())
        return RefusedBundle(**{**value, "at": parse_instant(value["at"])})
    except (ValueError, KeyError, TypeError, MalformedError) as error:
        raise StorageError("quarantine.record", f"{path} cannot be read", todo=f"remove {path}") from error


def _make_room(home: Home, config: Config, length: int) -> bool:
    """Let the oldest leave until ``length`` bytes fit; tell whether they do."""
    free = durable.free_bytes(home.quarantine)
    if length > config.quarantine_bytes or (free is not None and length + config.reserve_bytes > free):
        return False
    kept = [record for record in refused_bundles(home) if record.kept]
    used = sum(record.length for record in kept)
    for record in kept:
        if used + length <= config.quarantine_bytes:
            break
        delete_refused(home, record)
        used -= record.length
    return True
