"""What is held: the generations, their targets, what their manifests say of the sources."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from manifests.clock import instant_text, parse_instant
from relay.state.records import AbsentSourceState, Generation, GenerationTarget, NewGeneration, SourceState
from relay.state.schema import database_errors
from relay.state.table_group import TableGroup
from relay.state.trusted import TrustedMetadata

if TYPE_CHECKING:  # slow to import, and a status does not need it
    from manifests.manifest import SourceRecord


class Generations(TableGroup):
    """The tables of generations.

    Args:
        connection: Open; transactions are begun and ended by the state.
        path: The database, for errors.
        trusted: What is trusted, which changes with each new generation.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, trusted: TrustedMetadata) -> None:
        super().__init__(connection, path)
        self._trusted = trusted

    def add_generation(self, new: NewGeneration, imported_at: datetime) -> None:
        """Add a generation and trust its metadata. Inside a transaction."""
        manifest = new.manifest
        number = manifest.snapshot_version
        self._trusted.save_trusted(new.trusted)
        self._connection.execute(
            "INSERT INTO generations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                manifest.publisher,
                instant_text(manifest.created),
                instant_text(imported_at),
                hashlib.sha256(new.manifest_bytes).hexdigest(),
                new.file_name,
                len(manifest.targets),
                sum(target.length for target in manifest.targets),
                new.signature_bytes,
                new.manifest_bytes,
            ),
        )
        self._connection.executemany(
            "INSERT INTO generation_targets VALUES (?, ?, ?, ?)",
            ((number, target.path, target.sha256, target.length) for target in manifest.targets),
        )
        self._connection.executemany(
            "INSERT INTO generation_sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    number,
                    source.name,
                    source.kind,
                    instant_text(source.pulled_at),
                    source.failure is not None,
                    *_told(source),
                )
                for source in manifest.sources
            ),
        )
        self._connection.executemany(
            "INSERT INTO generation_absent_sources VALUES (?, ?, ?, ?)",
            ((number, source.name, source.kind, source.failure) for source in manifest.absent),
        )
        self._trusted.save_metadata(new.documents, number, self.find_number_before(number))

    def find_newest_number(self) -> int:
        """Return the number of the newest generation that is held, 0 when there is none: no ring need serve it."""
        return int(self._row("SELECT coalesce(max(number), 0) FROM generations")[0])

    def find_number_before(self, number: int) -> int:
        """Return the newest generation before this one, 0 when there is none."""
        return int(self._row("SELECT coalesce(max(number), 0) FROM generations WHERE number < ?", (number,))[0])

    def count_generations(self) -> int:
        """Return how many generations are held."""
        return int(self._row("SELECT count(*) FROM generations")[0])

    def find_generation(self, number: int) -> Generation | None:
        """Return one generation, or ``None``."""
        return next(iter(self._generations(number)), None)

    def list_generations(self) -> tuple[Generation, ...]:
        """Return every generation, oldest first."""
        return tuple(self._generations(None))

    def drop_generation(self, number: int) -> None:
        """Forget a generation that no ring serves; its content stays until it is collected. Inside a transaction."""
        self._connection.execute("DELETE FROM generation_sources WHERE generation = ?", (number,))
        self._connection.execute("DELETE FROM generation_absent_sources WHERE generation = ?", (number,))
        self._connection.execute("DELETE FROM generation_targets WHERE generation = ?", (number,))
        self._connection.execute("DELETE FROM generations WHERE number = ?", (number,))

    def _generations(self, only: int | None) -> Iterator[Generation]:
        rings = self._rows("SELECT name, generation FROM rings ORDER BY rowid")
        rows = self._rows(
            "SELECT number, publisher, created, imported_at, manifest_sha256, file_name, targets, target_bytes "
            "FROM generations WHERE ?1 IS NULL OR number = ?1 ORDER BY number",
            (only,),
        )
        for number, publisher, created, imported_at, digest, file_name, targets, target_bytes in rows:
            yield Generation(
                number=number,
                publisher=publisher,
                created=parse_instant(created),
                imported_at=parse_instant(imported_at),
                manifest_sha256=digest,
                file_name=file_name,
                targets=targets,
                target_bytes=target_bytes,
                rings=tuple(name for name, served in rings if served == number),
            )

    def list_targets(self, generation: int | None = None) -> Iterator[GenerationTarget]:
        """Yield the targets of one generation, or of all, by generation and path."""
        with database_errors(self._path):
            rows = self._connection.execute(
                "SELECT generation, path, sha256, length FROM generation_targets "
                "WHERE ?1 IS NULL OR generation = ?1 ORDER BY generation, path",
                (generation,),
            )
            for row in rows:
                yield GenerationTarget(*row)

    def list_sources(self, generation: int) -> tuple[SourceState, ...]:
        """Return what the manifest of a generation says of its sources, by name."""
        rows = self._rows(
            "SELECT name, kind, pulled_at, failed, version, licence, fresh_days, mount, deliver "
            "FROM generation_sources WHERE generation = ? ORDER BY name",
            (generation,),
        )
        return tuple(SourceState(row[0], row[1], parse_instant(row[2]), bool(row[3]), *row[4:]) for row in rows)

    def list_absent_sources(self, generation: int) -> tuple[AbsentSourceState, ...]:
        """Return the sources that were meant to be in a generation and are not, by name."""
        rows = self._rows(
            "SELECT name, kind, failure FROM generation_absent_sources WHERE generation = ? ORDER BY name",
            (generation,),
        )
        return tuple(AbsentSourceState(*row) for row in rows)

    def load_manifest(self, generation: int) -> bytes:
        """Return the exact bytes of a generation's manifest."""
        return bytes(self._row("SELECT manifest FROM generations WHERE number = ?", (generation,))[0])


def _told(source: SourceRecord) -> tuple[str | int | None, ...]:
    return source.version, source.licence, source.fresh_days, source.mount, source.deliver
