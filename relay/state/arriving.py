"""What has arrived of generations that are not whole: verified and stored, but nothing that anybody is served.

What is trusted does not move for them. The content itself is in the store; here is which generation it is
for, which volumes were seen, and which ranges of a file that comes in parts are in.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from manifests.byte_ranges import Range
from manifests.clock import instant_text, parse_instant
from relay.state.records import GenerationTarget
from relay.state.schema import database_errors

if TYPE_CHECKING:
    from manifests.manifest import Manifest


@dataclass(frozen=True)
class PendingVolume:
    """A bundle of a pending generation, by the digest of its manifest. ``whole``: all that it carries is stored.

    ``since`` as in its manifest.
    """

    manifest_sha256: str
    index: int
    count: int
    since: int | None
    file_name: str
    whole: bool
    seen_at: datetime


@dataclass(frozen=True)
class PendingGeneration:
    """A generation that is believed and not whole. ``volumes`` in the order of the set, the newest set last."""

    number: int
    publisher: str
    created: datetime
    volumes: tuple[PendingVolume, ...]


class Pending:
    """The tables of pending generations. Changes happen inside a transaction of the state."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def generations(self) -> tuple[PendingGeneration, ...]:
        """Return the pending generations, oldest first."""
        with database_errors(self._path):
            rows = self._connection.execute(
                "SELECT number, publisher, created FROM pending_generations ORDER BY number"
            ).fetchall()
            return tuple(
                PendingGeneration(number, publisher, parse_instant(created), tuple(self._volumes(number)))
                for number, publisher, created in rows
            )

    def generation(self, number: int) -> PendingGeneration | None:
        """Return one pending generation, or ``None``."""
        return next((found for found in self.generations() if found.number == number), None)

    def _volumes(self, number: int) -> Iterator[PendingVolume]:
        rows = self._connection.execute(
            "SELECT manifest_sha256, volume, volumes, since, file_name, whole, seen_at FROM pending_volumes "
            "WHERE generation = ? ORDER BY seen_at, volumes, volume",
            (number,),
        )
        for digest, index, count, since, file_name, whole, seen_at in rows:
            yield PendingVolume(digest, index, count, since, file_name, bool(whole), parse_instant(seen_at))

    def targets(self, number: int) -> Iterator[GenerationTarget]:
        """Yield the targets of one pending generation by path."""
        with database_errors(self._path):
            rows = self._connection.execute(
                "SELECT generation, path, sha256, length FROM pending_targets WHERE generation = ? ORDER BY path",
                (number,),
            )
            for row in rows:
                yield GenerationTarget(*row)

    def add(self, manifest: Manifest, manifest_sha256: str, file_name: str, now: datetime, *, whole: bool) -> None:
        """Record that a bundle of a generation was seen; ``whole`` once is whole for ever."""
        number = manifest.snapshot_version
        self._connection.execute(
            "INSERT INTO pending_generations VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE "
            "SET publisher = excluded.publisher, created = excluded.created",
            (number, manifest.publisher, instant_text(manifest.created)),
        )
        self._connection.execute("DELETE FROM pending_targets WHERE generation = ?", (number,))
        self._connection.executemany(
            "INSERT INTO pending_targets VALUES (?, ?, ?, ?)",
            ((number, target.path, target.sha256, target.length) for target in manifest.targets),
        )
        self._connection.execute(
            "INSERT INTO pending_volumes VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (manifest_sha256) DO UPDATE "
            "SET file_name = excluded.file_name, whole = max(whole, excluded.whole), seen_at = excluded.seen_at",
            (
                manifest_sha256,
                number,
                manifest.volume_index,
                manifest.volume_count,
                manifest.since,
                file_name,
                whole,
                instant_text(now),
            ),
        )

    def drop_through(self, number: int) -> None:
        """Forget every pending generation up to one; content and parts stay until they are collected."""
        self._connection.execute("DELETE FROM pending_generations WHERE number <= ?", (number,))

    def parts(self) -> dict[str, tuple[Range, ...]]:
        """Return, by the digest of the whole, the ranges that are in, ascending, none touching another."""
        with database_errors(self._path):
            rows = self._connection.execute("SELECT sha256, first, behind FROM parts ORDER BY sha256, first").fetchall()
        result: dict[str, tuple[Range, ...]] = {}
        for sha256, first, behind in rows:
            result[sha256] = (*result.get(sha256, ()), (first, behind))
        return result

    def save_parts(self, sha256: str, ranges: tuple[Range, ...]) -> None:
        """Replace what is in of one file; nothing forgets it."""
        self._connection.execute("DELETE FROM parts WHERE sha256 = ?", (sha256,))
        self._connection.executemany("INSERT INTO parts VALUES (?, ?, ?)", ((sha256, *pair) for pair in ranges))
