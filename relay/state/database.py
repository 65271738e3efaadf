"""Reading and changing the state. Every change happens inside :meth:`State.transaction`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from manifests.blobs import Blob
from manifests.clock import instant_text, parse_instant
from relay.state import schema
from relay.state.arriving import Pending
from relay.state.deliveries import Deliveries
from relay.state.records import DEFAULT_RING, Event, Generation, GenerationTarget, NewGeneration, Ring
from relay.state.schema import database_errors
from relay.status.facts import RoleTrust, SourceState

if TYPE_CHECKING:
    from manifests.manifest import SourceRecord
    from manifests.trust import TrustedState


class State:
    """An open state database. Close it, or use it as a context manager.

    Args:
        path: ``state.db``, which must exist.

    Raises:
        ConfigurationError: ``state.version``.
        StorageError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = schema.connect(path)
        self.pending = Pending(self._connection, path)
        self.deliveries = Deliveries(self._connection, path)

    @classmethod
    def create(cls, path: Path, trusted: TrustedState, event: Event) -> None:
        """Make a database that trusts one root, holds nothing and remembers one event."""
        schema.create(path)
        with cls(path) as state, state.transaction():
            state._connection.execute("INSERT INTO clock VALUES (1, NULL)")
            state._connection.execute("INSERT INTO rings VALUES (?, NULL, NULL, NULL)", (DEFAULT_RING,))
            state.save_trusted(trusted)
            state.record(event)

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes of the block durable together, or none of them.

        Raises:
            StorageError: The disk is full, read-only or failing; nothing changed.
            LockedError: ``lock.database``.
        """
        with database_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads of the block see one state."""
        with database_errors(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @property
    def data_version(self) -> int:
        """A number that differs once another connection has changed something."""
        return int(self._row("PRAGMA data_version")[0])

    def damage(self) -> tuple[str, ...]:
        """Return what SQLite's own check finds wrong; empty when all is well."""
        rows = self._rows("PRAGMA integrity_check")
        rows += [("a row refers to one that is not there",)] if self._rows("PRAGMA foreign_key_check") else []
        return tuple(str(row[0]) for row in rows if row[0] != "ok")

    # What is trusted

    def trusted(self) -> TrustedState:
        """Return the metadata that is believed and the clock floor."""
        from manifests.trust import TrustedState

        data: dict[str, bytes] = dict(self._rows("SELECT role, data FROM trusted ORDER BY position"))
        return TrustedState(
            root=data.pop("root"),
            timestamp=data.pop("timestamp", None),
            snapshot=data.pop("snapshot", None),
            targets=tuple(data.items()),
            clock_floor=self.clock_floor(),
        )

    def save_trusted(self, trusted: TrustedState) -> None:
        """Replace what is trusted. Inside a transaction."""
        named = [("root", trusted.root), ("timestamp", trusted.timestamp), ("snapshot", trusted.snapshot)]
        rows = [(role, data) for role, data in (*named, *trusted.targets) if data is not None]
        self._connection.execute("DELETE FROM trusted")
        for role, data in rows:
            signed = json.loads(data)["signed"]
            self._connection.execute(
                "INSERT INTO trusted (role, version, expires_at, data) VALUES (?, ?, ?, ?)",
                (role, signed["version"], signed["expires"], data),
            )
        floor = None if trusted.clock_floor is None else instant_text(trusted.clock_floor)
        self._connection.execute("UPDATE clock SET floor = ?", (floor,))

    def clock_floor(self) -> datetime | None:
        """Return the latest signed instant that was ever verified."""
        return _instant(self._row("SELECT floor FROM clock")[0])

    def roles(self) -> tuple[RoleTrust, ...]:
        """Return until when each trusted role is good, root first."""
        rows = self._rows("SELECT role, version, expires_at FROM trusted ORDER BY position")
        return tuple(RoleTrust(role, version, parse_instant(expires_at)) for role, version, expires_at in rows)

    def metadata(self) -> dict[str, bytes]:
        """Return the publisher's metadata to serve again, by file name."""
        return dict(self._rows("SELECT name, data FROM metadata"))

    def roots(self) -> dict[str, bytes]:
        """Return every root that is known, the trusted one among them, by file name."""
        version, data = self._row("SELECT version, data FROM trusted WHERE role = 'root'")
        served = dict(self._rows("SELECT name, data FROM metadata WHERE name LIKE '%.root.json'"))
        return {**served, f"{version}.root.json": data}

    # What is held

    def add_generation(self, new: NewGeneration, imported_at: datetime) -> None:
        """Add a generation and trust its metadata. Inside a transaction."""
        manifest = new.manifest
        number = manifest.snapshot_version
        self.save_trusted(new.trusted)
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
        self._save_metadata(new.documents, number)

    def _save_metadata(self, documents: tuple[tuple[str, bytes], ...], number: int) -> None:
        """Serve the new files, and those of the generation before, for clients in the middle of a walk."""
        from manifests.manifest import TUF_PREFIX

        self._connection.executemany(
            "INSERT INTO metadata VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET last_generation = excluded.last_generation, data = excluded.data",
            ((name.removeprefix(TUF_PREFIX), number, data) for name, data in documents if name.startswith(TUF_PREFIX)),
        )
        self._connection.execute(
            "DELETE FROM metadata WHERE last_generation < ? AND name NOT LIKE '%.root.json'",
            (self.previous_generation(number),),
        )

    def newest_generation(self) -> int:
        """Return the number of the newest verified generation, 0 when there is none."""
        return int(self._row("SELECT coalesce(max(number), 0) FROM generations")[0])

    def previous_generation(self, number: int) -> int:
        """Return the newest generation before this one, 0 when there is none."""
        return int(self._row("SELECT coalesce(max(number), 0) FROM generations WHERE number < ?", (number,))[0])

    def generation_count(self) -> int:
        """Return how many generations are held."""
        return int(self._row("SELECT count(*) FROM generations")[0])

    def generation(self, number: int) -> Generation | None:
        """Return one generation, or ``None``."""
        return next(iter(self._generations(number)), None)

    def generations(self) -> tuple[Generation, ...]:
        """Return every generation, oldest first."""
        return tuple(self._generations(None))

    def drop_generation(self, number: int) -> None:
        """Forget a generation that no ring serves; its content stays until it is collected. Inside a transaction."""
        self._connection.execute("DELETE FROM generation_sources WHERE generation = ?", (number,))
        self._connection.execute("DELETE FROM generation_targets WHERE generation = ?", (number,))
        self._connection.execute("DELETE FROM generations WHERE number = ?", (number,))

    def _generations(self, only: int | None) -> Iterator[Generation]:
        rings = self.rings()
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
                rings=tuple(ring.name for ring in rings if ring.generation == number),
            )

    def targets(self, generation: int | None = None) -> Iterator[GenerationTarget]:
        """Yield the targets of one generation, or of all, by generation and path."""
        with database_errors(self.path):
            rows = self._connection.execute(
                "SELECT generation, path, sha256, length FROM generation_targets "
                "WHERE ?1 IS NULL OR generation = ?1 ORDER BY generation, path",
                (generation,),
            )
            for row in rows:
                yield GenerationTarget(*row)

    def sources(self, generation: int) -> tuple[SourceState, ...]:
        """Return what the manifest of a generation says of its sources, by name."""
        rows = self._rows(
            "SELECT name, kind, pulled_at, failed, version, licence, fresh_days, mount, deliver "
            "FROM generation_sources WHERE generation = ? ORDER BY name",
            (generation,),
        )
        return tuple(SourceState(row[0], row[1], parse_instant(row[2]), bool(row[3]), *row[4:]) for row in rows)

    def manifest(self, generation: int) -> bytes:
        """Return the exact bytes of a generation's manifest."""
        return bytes(self._row("SELECT manifest FROM generations WHERE number = ?", (generation,))[0])

    # What each ring serves

    def rings(self) -> tuple[Ring, ...]:
        """Return every ring."""
        rows = self._rows("SELECT name, generation, activated_at FROM rings ORDER BY rowid")
        return tuple(Ring(name, generation, _instant(at)) for name, generation, at in rows)

    def activate(self, ring: str, generation: int, now: datetime) -> datetime:
        """Let a ring serve a generation. Inside a transaction.

        A path whose content changes, appears or comes back is published at an instant that this ring
        never gave before, whatever the system's clock does; the others keep theirs.

        Args:
            ring: The ring's name.
            generation: A generation of the state.
            now: The system's time.

        Returns:
            The instant of publication, whole seconds.
        """
        until = _instant(self._row("SELECT published_until FROM rings WHERE name = ?", (ring,))[0])
        at = now.astimezone(UTC).replace(microsecond=0)
        if until is not None:
            at = max(at, until + timedelta(seconds=1))
        self._connection.execute(
            "DELETE FROM publications WHERE ring = ? "
            "AND path NOT IN (SELECT path FROM generation_targets WHERE generation = ?)",
            (ring, generation),
        )
        self._connection.execute(
            "INSERT INTO publications SELECT ?, path, sha256, length, ? FROM generation_targets WHERE generation = ? "
            "ON CONFLICT (ring, path) DO UPDATE SET sha256 = excluded.sha256, length = excluded.length, "
            "published_at = excluded.published_at WHERE sha256 <> excluded.sha256",
            (ring, instant_text(at), generation),
        )
        self._connection.execute(
            "UPDATE rings SET generation = ?, activated_at = ?, published_until = ? WHERE name = ?",
            (generation, instant_text(now), instant_text(at), ring),
        )
        return at

    def publications(self, ring: str) -> Iterator[tuple[str, Blob, datetime]]:
        """Yield what a ring serves: path, content, when it was published; by path."""
        times: dict[str, datetime] = {}
        with database_errors(self.path):
            rows = self._connection.execute(
                "SELECT path, sha256, length, published_at FROM publications WHERE ring = ? ORDER BY path", (ring,)
            )
            for path, sha256, length, at in rows:
                if at not in times:
                    times[at] = parse_instant(at)
                yield path, Blob(sha256, length), times[at]

    def publication_size(self, ring: str) -> tuple[int, int]:
        """Return how many files a ring serves, and their bytes."""
        row = self._row("SELECT count(*), coalesce(sum(length), 0) FROM publications WHERE ring = ?", (ring,))
        return int(row[0]), int(row[1])

    # What happened

    def record(self, event: Event) -> None:
        """Add an event. Inside a transaction, beside the change that it tells of."""
        self._connection.execute(
            "INSERT INTO events (at, kind, text, details) VALUES (?, ?, ?, ?)",
            (instant_text(event.at), event.kind, event.text, json.dumps(dict(event.details), sort_keys=True)),
        )

    def events(self, kinds: Iterable[str] = (), limit: int = -1) -> tuple[Event, ...]:
        """Return events of the given kinds (all when none is given), newest last."""
        wanted = json.dumps(list(kinds))
        rows = self._rows(
            "SELECT at, kind, text, details FROM events "
            "WHERE ?1 = '[]' OR kind IN (SELECT value FROM json_each(?1)) ORDER BY id DESC LIMIT ?2",
            (wanted, limit),
        )
        return tuple(Event(parse_instant(at), kind, text, json.loads(details)) for at, kind, text, details in rows)[
            ::-1
        ]

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with database_errors(self.path):
            return self._connection.execute(query, values).fetchall()

    def _row(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        with database_errors(self.path):
            return self._connection.execute(query, values).fetchone()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _told(source: SourceRecord) -> tuple[str | int | None, ...]:
    return source.version, source.licence, source.fresh_days, source.mount, source.deliver
