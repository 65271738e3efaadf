"""Where refused bundles go: sealed so that nothing reads or runs them by accident, with the reason beside.

``<id>.sealed`` is ``SLQUAR01``, a salt of 16 bytes, then chunks of 1 MiB under AES-256-GCM, each 16 bytes
longer for its tag. The key of a file is HKDF-SHA256 of the home's key and the salt; the nonce is the chunk's
number (11 bytes) and 1 for the last chunk, so chunks can be neither reordered nor cut off; the first 24 bytes
are authenticated with each.
``<id>.json`` is the record; ``id`` is the first half of the content's SHA-256 digits.

Source: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption, 2015).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from manifests import durable
from manifests.bundle.opening import open_bundle
from manifests.clock import from_text, to_text
from manifests.errors import MalformedError, NotAuthenticError, SealiftError, StorageError, UsageError
from manifests.text import printable
from relay.config import Config
from relay.home import Home

CHUNK_BYTES = 1024 * 1024

_MAGIC = b"SLQUAR01"
_SALT_BYTES = 16
_TAG_BYTES = 16
_ID_DIGITS = 32


@dataclass(frozen=True)
class Record:
    """One refused bundle. ``kept`` tells whether its content is here; ``times`` how often it came."""

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
        return {**asdict(self), "at": to_text(self.at)}


def create(home: Home) -> None:
    """Make the quarantine and its key."""
    durable.make_directory(home.quarantine, mode=0o700)
    durable.write(home.quarantine / "key", secrets.token_bytes(32), mode=0o600)


def take(home: Home, config: Config, path: Path, error: SealiftError, now: datetime) -> Record:
    """Take a copy of a refused file into quarantine; the file itself is left to whoever asked.

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
        length = os.fstat(file.fileno()).st_size
        kept = _make_room(home, config, length)
        temporary = home.quarantine / f".{secrets.token_hex(8)}.tmp"
        try:
            sha256, length = _seal(home, file, temporary if kept else None)
            record = Record(
                id=sha256[:_ID_DIGITS],
                code=error.code,
                exit_code=error.exit_code,
                text=str(error),
                at=now,
                name=printable(path.name),
                directory=printable(str(path.parent)),
                sha256=sha256,
                length=length,
                kept=kept,
            )
            record = _keep(home, record, temporary)
        finally:
            temporary.unlink(missing_ok=True)
    return record


def records(home: Home) -> tuple[Record, ...]:
    """Return every record, oldest first."""
    with durable.storage_errors(home.quarantine):
        found = [_read_record(path) for path in home.quarantine.glob("*.json")]
    return tuple(sorted(found, key=lambda record: (record.at, record.id)))


def find(home: Home, prefix: str) -> Record:
    """Return the one record whose id begins with ``prefix``.

    Raises:
        UsageError: ``quarantine.unknown`` or ``quarantine.ambiguous``.
    """
    found = [record for record in records(home) if record.id.startswith(prefix)]
    if len(found) != 1 or not prefix:
        code = "quarantine.ambiguous" if found else "quarantine.unknown"
        raise UsageError(
            code, f"{len(found)} files in quarantine have an id like {prefix!r}", todo="relay quarantine list"
        )
    return found[0]


def content(home: Home, record: Record) -> Iterator[bytes]:
    """Yield a refused file's bytes again.

    Raises:
        StorageError: ``quarantine.not-kept``, or the file cannot be read.
        NotAuthenticError: ``quarantine.damaged``: not what was sealed.
    """
    if not record.kept:
        raise StorageError("quarantine.not-kept", f"The content of {record.name} was too large to keep")
    path = _sealed(home, record.id)
    with durable.storage_errors(path), path.open("rb") as file:
        yield from _unseal(home, file, path)


def export(home: Home, record: Record, path: Path) -> None:
    """Write a refused file to ``path``, which must not exist; it stays in quarantine.

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
            _write(temporary, content(home, record))
            durable.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def restore(home: Home, config: Config, record: Record) -> Path:
    """Put a refused file back into the first inbox, to be tried again, and return where.

    Raises:
        As :func:`export`.
    """
    directory = config.inboxes[0].path if config.inboxes else home.inbox
    path = directory / Path(record.name).name
    export(home, record, path)
    delete(home, record)
    return path


def delete(home: Home, record: Record) -> None:
    """Remove a refused file for good."""
    with durable.storage_errors(home.quarantine):
        _sealed(home, record.id).unlink(missing_ok=True)
        _record_path(home, record.id).unlink(missing_ok=True)
        durable.fsync_directory(home.quarantine)


def _sealed(home: Home, record_id: str) -> Path:
    return home.quarantine / f"{record_id}.sealed"


def _record_path(home: Home, record_id: str) -> Path:
    return home.quarantine / f"{record_id}.json"


def _keep(home: Home, record: Record, temporary: Path) -> Record:
    """Bring content and record into place; a file that came before is counted."""
    with suppress(FileNotFoundError):
        before = _read_record(_record_path(home, record.id))
        record = replace(record, times=before.times + 1, kept=record.kept or before.kept)
    if temporary.exists():
        durable.replace(temporary, _sealed(home, record.id))
    data = json.dumps(record.to_json(), sort_keys=True, indent=1, ensure_ascii=True)
    durable.write(_record_path(home, record.id), data.encode("ascii") + b"\n", mode=0o600)
    return record


def _read_record(path: Path) -> Record:
    try:
        value = json.loads(path.read_bytes())
        return Record(**{**value, "at": from_text(value["at"])})
    except (ValueError, KeyError, TypeError, MalformedError) as error:
        raise StorageError("quarantine.record", f"{path} cannot be read", todo=f"remove {path}") from error


def _make_room(home: Home, config: Config, length: int) -> bool:
    """Let the oldest leave until ``length`` bytes fit; tell whether they do."""
    room = os.statvfs(home.quarantine)
    if length > config.quarantine_bytes or length + config.reserve_bytes > room.f_bavail * room.f_frsize:
        return False
    kept = [record for record in records(home) if record.kept]
    used = sum(record.length for record in kept)
    for record in kept:
        if used + length <= config.quarantine_bytes:
            break
        delete(home, record)
        used -= record.length
    return True


def _seal(home: Home, file: BinaryIO, path: Path | None) -> tuple[str, int]:
    """Write ``file`` encrypted to ``path`` (nowhere when ``None``); return its digest and length."""
    hasher, length = hashlib.sha256(), 0

    def plain() -> Iterator[bytes]:
        nonlocal length
        file.seek(0)
        while chunk := _read_full(file):
            hasher.update(chunk)
            length += len(chunk)
            yield chunk

    if path is None:
        for _ in plain():
            pass
    else:
        _write(path, _encrypted(home, plain()))
    return hasher.hexdigest(), length


def _encrypted(home: Home, chunks: Iterator[bytes]) -> Iterator[bytes]:
    salt = secrets.token_bytes(_SALT_BYTES)
    cipher, header = _cipher(home, salt), _MAGIC + salt
    yield header
    number, chunk = 0, next(chunks, b"")
    for following in chunks:
        yield cipher.encrypt(_nonce(number, last=False), chunk, header)
        number, chunk = number + 1, following
    yield cipher.encrypt(_nonce(number, last=True), chunk, header)


def _unseal(home: Home, file: BinaryIO, path: Path) -> Iterator[bytes]:
    from cryptography.exceptions import InvalidTag

    header = file.read(len(_MAGIC) + _SALT_BYTES)
    cipher = _cipher(home, header[len(_MAGIC) :])
    number, chunk = 0, file.read(CHUNK_BYTES + _TAG_BYTES)
    try:
        while chunk or number == 0:
            following = file.read(CHUNK_BYTES + _TAG_BYTES)
            yield cipher.decrypt(_nonce(number, last=not following), chunk, header)
            number, chunk = number + 1, following
    except InvalidTag:
        raise NotAuthenticError("quarantine.damaged", f"{path} is not what was sealed") from None


def _cipher(home: Home, salt: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = (home.quarantine / "key").read_bytes()
    return AESGCM(HKDF(SHA256(), 32, salt, _MAGIC).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _read_full(file: BinaryIO) -> bytes:
    """Read one whole chunk from an unbuffered file; less only at its end."""
    parts, missing = [], CHUNK_BYTES
    while missing and (part := file.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(descriptor)
