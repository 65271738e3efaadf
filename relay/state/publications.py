"""What each ring serves: its generation, and each of its files with the instant of publication."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from manifests.clock import add_time, instant_text, parse_instant
from manifests.disk.blobs import Blob
from relay.state.records import Ring
from relay.state.schema import database_errors
from relay.state.table_group import TableGroup


class RingPublications(TableGroup):
    """The tables of rings and publications."""

    def list_rings(self) -> tuple[Ring, ...]:
        """Return every ring."""
        rows = self._rows("SELECT name, generation, activated_at, published_until FROM rings ORDER BY rowid")
        return tuple(Ring(name, generation, _instant(at), _instant(until)) for name, generation, at, until in rows)

    def find_ring(self, name: str) -> Ring:
        """Return one ring, which must be there."""
        return next(ring for ring in self.list_rings() if ring.name == name)

    def activate_generation(self, ring: str, generation: int, now: datetime) -> datetime:
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
            at = max(at, add_time(until, timedelta(seconds=1)))
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

    def list_files(self, ring: str) -> Iterator[tuple[str, Blob, datetime]]:
        """Yield what a ring serves: path, content, when it was published; by path."""
        times: dict[str, datetime] = {}
        with database_errors(self._path):
            rows = self._connection.execute(
                "SELECT path, sha256, length, published_at FROM publications WHERE ring = ? ORDER BY path", (ring,)
            )
            for path, sha256, length, at in rows:
                if at not in times:
                    times[at] = parse_instant(at)
                yield path, Blob(sha256, length), times[at]

    def measure_files(self, ring: str) -> tuple[int, int]:
        """Return how many files a ring serves, and their bytes."""
        row = self._row("SELECT count(*), coalesce(sum(length), 0) FROM publications WHERE ring = ?", (ring,))
        return int(row[0]), int(row[1])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
