"""The database file: tables, opening, bringing an older one up to date, and SQLite's errors turned into ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.disk.durable import free_bytes
from manifests.errors import ConfigurationError, LockedError, StorageError
from relay.state.last_refusal import take_over_last_refusal

USER_VERSION = 4
"""Raised with every change of the tables; what older ones lack is added by :func:`connect`."""

_BUSY_SECONDS = 30.0

_TABLES = """
CREATE TABLE IF NOT EXISTS trusted (            -- the metadata that is believed, exact bytes, in the order of the walk
    position   INTEGER PRIMARY KEY,
    role       TEXT NOT NULL UNIQUE,
    version    INTEGER NOT NULL,
    expires_at TEXT NOT NULL,
    data       BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS clock (              -- the latest signed instant that was ever verified
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    floor TEXT
);
CREATE TABLE IF NOT EXISTS metadata (           -- the publisher's repository as it is served again
    name            TEXT PRIMARY KEY,
    last_generation INTEGER NOT NULL,
    data            BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS generations (
    number          INTEGER PRIMARY KEY,
    publisher       TEXT NOT NULL,
    created         TEXT NOT NULL,
    imported_at     TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL,
    file_name       TEXT NOT NULL,
    targets         INTEGER NOT NULL,
    target_bytes    INTEGER NOT NULL,
    signature       BLOB NOT NULL,
    manifest        BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS generation_targets (
    generation INTEGER NOT NULL REFERENCES generations (number),
    path       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    length     INTEGER NOT NULL,
    PRIMARY KEY (generation, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS generation_absent_sources (   -- what its publisher could not get, and why
    generation INTEGER NOT NULL REFERENCES generations (number),
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    failure    TEXT NOT NULL,
    PRIMARY KEY (generation, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS generation_sources (   -- what the manifest says of them
    generation INTEGER NOT NULL REFERENCES generations (number),
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    pulled_at  TEXT NOT NULL,
    failed     INTEGER NOT NULL,  -- 1 when a newer pull failed
    version    TEXT,
    licence    TEXT,
    fresh_days INTEGER,
    mount      TEXT,
    deliver    TEXT,
    PRIMARY KEY (generation, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rings (
    name            TEXT PRIMARY KEY,
    generation      INTEGER REFERENCES generations (number),
    activated_at    TEXT,
    published_until TEXT          -- the latest published_at ever given in this ring: it only grows
);
CREATE TABLE IF NOT EXISTS publications (
    ring         TEXT NOT NULL REFERENCES rings (name),
    path         TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    length       INTEGER NOT NULL,
    published_at TEXT NOT NULL,
    PRIMARY KEY (ring, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending_generations (   -- verified, not whole: not trusted, not served
    number    INTEGER PRIMARY KEY,
    publisher TEXT NOT NULL,
    created   TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS pending_targets (
    generation INTEGER NOT NULL REFERENCES pending_generations (number) ON DELETE CASCADE,
    path       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    length     INTEGER NOT NULL,
    PRIMARY KEY (generation, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending_volumes (       -- the bundles of it that were seen
    manifest_sha256 TEXT PRIMARY KEY,
    generation      INTEGER NOT NULL REFERENCES pending_generations (number) ON DELETE CASCADE,
    volume          INTEGER NOT NULL,
    volumes         INTEGER NOT NULL,
    since           INTEGER,
    file_name       TEXT NOT NULL,
    whole           INTEGER NOT NULL,  -- 0 when some of what it carries could not be read
    seen_at         TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS parts (                 -- which bytes are in of a file that comes in parts
    sha256 TEXT NOT NULL,
    first  INTEGER NOT NULL,
    behind INTEGER NOT NULL,
    PRIMARY KEY (sha256, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (            -- files of ours in directories of other programs
    directory  TEXT NOT NULL,
    file_name  TEXT NOT NULL,
    place      TEXT NOT NULL,
    source     TEXT NOT NULL,
    path       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    length     INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    state      TEXT NOT NULL,
    temporary  TEXT NOT NULL,
    placed_at  TEXT,
    PRIMARY KEY (directory, file_name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivery_problems (     -- what is not where it should be, and why
    place     TEXT NOT NULL,
    source    TEXT NOT NULL,
    file_name TEXT NOT NULL,
    code      TEXT NOT NULL,
    what      TEXT NOT NULL,
    have      TEXT,
    need      TEXT,
    todo      TEXT,
    lines     TEXT,
    since     TEXT NOT NULL,
    PRIMARY KEY (place, source, file_name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manager_deliveries (    -- rule packs that a manager has, with the content that is here
    manager  TEXT NOT NULL,
    name     TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    entry_id INTEGER NOT NULL,
    PRIMARY KEY (manager, name, sha256, entry_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS receipt_serial (        -- of the newest receipt
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    serial INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS receipt_due (           -- a receipt is due while there were more changes than it tells of
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    changes INTEGER NOT NULL,
    told    INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS follow_up_failures (    -- what could not be done after an import, and is tried again
    step  TEXT PRIMARY KEY,
    code  TEXT NOT NULL,
    since TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS last_import (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    at      TEXT NOT NULL,
    subject TEXT NOT NULL,        -- the generation
    text    TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    kind    TEXT NOT NULL,
    text    TEXT NOT NULL,
    details TEXT NOT NULL
);
"""

_SOURCES_OF_BEFORE = """
INSERT INTO generation_sources
SELECT number, said ->> 'name', said ->> 'kind', said ->> 'pulled_at', said ->> 'failure' IS NOT NULL,
       said ->> 'version', said ->> 'licence', said ->> 'fresh_days', said ->> 'mount', said ->> 'deliver'
FROM (
    SELECT number, source.value AS said
    FROM generations, json_each(CAST(manifest AS TEXT), '$.sources') AS source
    WHERE number NOT IN (SELECT generation FROM generation_sources)
);
"""
"""What version 1 did not note of a generation before it had the table; the manifest has it.

Version 1 was several: tables came to it one by one, and none that was there was ever changed.
"""

_EVENTS_OF_BEFORE = """
INSERT OR IGNORE INTO manager_deliveries
SELECT details ->> 'manager', details ->> 'name', details ->> 'sha256', details ->> 'id'
FROM events WHERE kind = 'manager-stored';
INSERT OR IGNORE INTO receipt_serial
SELECT 1, details ->> 'serial' FROM events WHERE kind = 'receipt' ORDER BY id DESC LIMIT 1;
INSERT OR IGNORE INTO last_import
SELECT 1, at, coalesce(details ->> 'generation', ''), text FROM events WHERE kind = 'import' ORDER BY id DESC LIMIT 1;
"""
"""What versions 1 and 2 read back from their events, once for all."""

_CAUSES = {
    sqlite3.SQLITE_FULL: ("storage.full", "The disk is full"),
    sqlite3.SQLITE_READONLY: ("storage.read-only", "The database is read-only"),
    sqlite3.SQLITE_PERM: ("storage.permission", "Permission was denied"),
    sqlite3.SQLITE_CANTOPEN: ("storage.io", "The database cannot be opened"),
    sqlite3.SQLITE_CORRUPT: ("storage.corrupt", "The database is damaged"),
    sqlite3.SQLITE_NOTADB: ("storage.corrupt", "The file is not a database"),
}
_FAILED = ("storage.io", "Reading or writing the database failed")
_SHARED_MEMORY_BYTES = 32 * 1024
"""What SQLite allocates to open a database with a write-ahead log; without it the error is a mere I/O error."""


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors in the block into ours.

    Raises:
        StorageError: ``storage.full``, ``.read-only``, ``.permission``, ``.corrupt`` or ``.io``.
        LockedError: ``lock.database`` when another process kept the database locked.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        number = getattr(error, "sqlite_errorcode", None)
        if number is None or isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise  # a bug of ours, not a failing disk
        if number & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            way = "wait; if nobody works there, its file system may have no locks: keep the home on a local disk"
            raise LockedError("lock.database", f"Another process keeps {path} locked", todo=way) from error
        code, what = _CAUSES.get(number & 0xFF, _FAILED)
        if (code, what) == _FAILED and _is_full(path):
            code, what = _CAUSES[sqlite3.SQLITE_FULL]
        todo = "relay check" if code == "storage.corrupt" else None
        raise StorageError(code, f"{what}: {path} ({error})", todo=todo) from error


def _is_full(path: Path) -> bool:
    free = free_bytes(path.parent)
    return free is not None and free < 2 * _SHARED_MEMORY_BYTES


def create(path: Path) -> None:
    """Make an empty database at ``path``."""
    with database_errors(path):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _run(connection, _TABLES)
        finally:
            connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing database; transactions are begun and ended by the caller.

    One that an older version of Sealift made is brought up to date, in one transaction.

    Raises:
        ConfigurationError: ``state.version`` when a newer version of Sealift made it, or none.
        StorageError: It cannot be opened, or be brought up to date.
    """
    with database_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            _check_version(path, version)
            if version < USER_VERSION:
                take_over_last_refusal(path.parent)
                _run(connection, _TABLES, _SOURCES_OF_BEFORE, _EVENTS_OF_BEFORE)
        except BaseException:
            connection.close()
            raise
    return connection


def _run(connection: sqlite3.Connection, *scripts: str) -> None:
    """Run scripts whole or not at all, and note the version that they make."""
    connection.executescript(f"BEGIN IMMEDIATE; {' '.join(scripts)} PRAGMA user_version = {USER_VERSION}; COMMIT;")


def _check_version(path: Path, version: int) -> None:
    if version < 1:
        raise ConfigurationError(
            "state.version",
            f"{path} is not the state of a relay",
            have="a database without a version",
            need="the state.db that relay init made",
            todo="restore it from its backup, or make a relay in another directory: relay init",
        )
    if version > USER_VERSION:
        raise ConfigurationError(
            "state.version",
            f"{path} was made by a newer version of Sealift",
            have=f"state version {version}",
            need=f"{USER_VERSION} or older",
            todo="install that version of Sealift or a newer one; the state is as it was",
        )
