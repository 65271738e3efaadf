"""Reading and changing the state. Every change happens inside :meth:`State.transaction`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from relay.state import schema
from relay.state.arriving import ArrivingGenerations
from relay.state.deliveries import Deliveries
from relay.state.event_rows import EventRows
from relay.state.follow_ups import FollowUpFailures
from relay.state.generations import Generations
from relay.state.last_import import LastImport
from relay.state.manager_deliveries import ManagerDeliveries
from relay.state.publications import RingPublications
from relay.state.receipts import Receipts
from relay.state.records import Event
from relay.state.schema import database_errors
from relay.state.trusted import TrustedMetadata

if TYPE_CHECKING:  # slow to import, and a status does not need it
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
        self.trusted = TrustedMetadata(self._connection, path)
        self.generations = Generations(self._connection, path, self.trusted)
        self.publications = RingPublications(self._connection, path)
        self.arriving = ArrivingGenerations(self._connection, path)
        self.deliveries = Deliveries(self._connection, path)
        self.manager_deliveries = ManagerDeliveries(self._connection, path)
        self.receipts = Receipts(self._connection, path)
        self.follow_ups = FollowUpFailures(self._connection, path)
        self.last_import = LastImport(self._connection, path)
        self.event_rows = EventRows(self._connection, path)

    @classmethod
    def create(cls, path: Path, trusted: TrustedState, ring: str, event: Event) -> None:
        """Make a database that trusts one root, holds nothing, has one ring and remembers one event."""
        schema.create(path)
        with cls(path) as state, state.transaction():
            state._connection.execute("INSERT INTO clock VALUES (1, NULL)")
            state._connection.execute("INSERT INTO rings VALUES (?, NULL, NULL, NULL)", (ring,))
            state.trusted.save_trusted(trusted)
            state.event_rows.add_event(event)

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
        return int(self._ask("PRAGMA data_version")[0][0])

    def list_damage(self) -> tuple[str, ...]:
        """Return what SQLite's own check finds wrong; empty when all is well."""
        rows = self._ask("PRAGMA integrity_check")
        rows += [("a row refers to one that is not there",)] if self._ask("PRAGMA foreign_key_check") else []
        return tuple(str(row[0]) for row in rows if row[0] != "ok")

    def _ask(self, pragma: str) -> list[Any]:
        with database_errors(self.path):
            return self._connection.execute(pragma).fetchall()
