"""What has arrived of generations that are not whole: verified and stored, but nothing that anybody is served.

What is trusted does not move for them. The content itself is in the store; here is which generation it is
for, which volumes were seen, and which ranges of a file that comes in parts are in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from manifests.byte_ranges import Range
from manifests.clock import instant_text, parse_instant
from relay.state.records import GenerationTarget
from relay.state.schema import database_errors
from relay.state.table_group import TableGroup

if TYPE_CHECKING:
    from manifests.manifest import Manifest


@dataclass(frozen=True)
class ArrivingVolume:
    """A bundle of an arriving generation, by the digest of its manifest. ``whole``: all that it carries is stored.

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
class ArrivingGeneration:
    """A generation that is believed and not whole. ``volumes`` in the order of the set, the newest set last."""

    number: int
    publisher: str
    created: datetime
    volumes: tuple[ArrivingVolume, ...]


class ArrivingGenerations(TableGroup):
    """The tables of arriving generations."""

    def list_generations(self) -> tuple[ArrivingGeneration, ...]:
        """Return the arriving generations, oldest first."""
        rows = self._rows("SELECT number, publisher, created FROM pending_generations ORDER BY number")
        return tuple(
            ArrivingGeneration(number, publisher, parse_instant(created), tuple(self._volumes(number)))
            for number, publisher, created in rows
        )

    def find_generation(self, number: int) -> ArrivingGeneration | None:
        """Return one arriving generation, or ``None``."""
        return next((found for found in self.list_generations() if found.number == number), None)

    def _volumes(self, number: int) -> Iterator[ArrivingVolume]:
        rows = self._rows(
            "SELECT manifest_sha256, volume, volumes, since, file_name, whole, seen_at FROM pending_volumes "
            "WHERE generation = ? ORDER BY seen_at, volumes, volume",
            (number,),
        )
        for digest, index, count, since, file_name, whole, seen_at in rows:
            yield ArrivingVolume(digest, index, count, since, file_name, bool(whole), parse_instant(seen_at))

    def list_targets(self, number: int) -> Iterator[GenerationTarget]:
        """Yield the targets of one arriving generation by path."""
        with database_errors(self._path):
            rows = self._connection.execute(
                "SELECT generation, path, sha256, length FROM pending_targets WHERE generation = ? ORDER BY path",
                (number,),
            )
            for row in rows:
                yield GenerationTarget(*row)

    def add_bundle(
        self, manifest: Manifest, manifest_sha256: str, file_name: str, now: datetime, *, whole: bool
    ) -> None:
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

    def drop_generations_through(self, number: int) -> None:
        """Forget every arriving generation up to one; content and parts stay until they are collected."""
        self._connection.execute("DELETE FROM pending_generations WHERE number <= ?", (number,))

    def load_parts(self) -> dict[str, tuple[Range, ...]]:
        """Return, by the digest of the whole, the ranges that are in, ascending, none touching another."""
        rows = self._rows("SELECT sha256, first, behind FROM parts ORDER BY sha256, first")
        result: dict[str, tuple[Range, ...]] = {}
        for sha256, first, behind in rows:
            result[sha256] = (*result.get(sha256, ()), (first, behind))
        return result

    def save_parts(self, sha256: str, ranges: tuple[Range, ...]) -> None:
        """Replace the ranges of one content of which bytes have arrived; without any it is forgotten."""
        self._connection.execute("DELETE FROM parts WHERE sha256 = ?", (sha256,))
        self._connection.executemany("INSERT INTO parts VALUES (?, ?, ?)", ((sha256, *pair) for pair in ranges))
