"""What was put into directories of other programs, what is about to be, and what cannot be.

A row is written before the first byte is, and says how far its file is:

``begun``      the temporary file may be there, in any state; the file itself is not ours
``ready``      the temporary file is whole and durable; it may have got its name
``placed``     the file stands under its name, and we put it there
``found``      a file with the very content stood there already: it is not ours to remove
``withdrawn``  its time was up, and it was removed
``gone``       somebody else removed it
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from manifests.clock import add_time, instant_text, parse_instant
from relay.state.table_group import TableGroup

DeliveryState = Literal["begun", "ready", "placed", "found", "withdrawn", "gone"]


@dataclass(frozen=True)
class Wanted:
    """A target of the served generation that its publisher means for a place. ``length`` in bytes."""

    place: str
    source: str
    path: str
    sha256: str
    length: int
    generation: int

    @property
    def file_name(self) -> str:
        """The name it gets: its own."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Delivery:
    """One file of ours in somebody else's directory.

    ``placed_at`` is set once it stands there. ``hold_days`` is not of the state but of the configuration: how long it
    may stay, for people.
    """

    directory: Path
    wanted: Wanted
    state: DeliveryState
    temporary: str
    placed_at: datetime | None = None
    hold_days: int | None = None

    @property
    def remove_at(self) -> datetime | None:
        """When its days are over, if they are counted."""
        if self.state != "placed" or self.placed_at is None or self.hold_days is None:
            return None
        return add_time(self.placed_at, timedelta(days=self.hold_days))

    @property
    def file(self) -> Path:
        """Where it is, or will be."""
        return self.directory / self.wanted.file_name

    @property
    def key(self) -> tuple[Path, str]:
        """What no two deliveries have in common."""
        return self.directory, self.wanted.file_name

    def __str__(self) -> str:
        said = {"placed": "delivered", "found": "found there, not ours", "gone": "removed by somebody else"}
        at = "" if self.placed_at is None else f" {instant_text(self.placed_at)}"
        until = "" if self.remove_at is None else f", until {instant_text(self.remove_at)}"
        return f"{self.file} ({said.get(self.state, self.state)}{at}, generation {self.wanted.generation}{until})"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "place": self.wanted.place,
            "source": self.wanted.source,
            "file": str(self.file),
            "target": self.wanted.path,
            "length": self.wanted.length,
            "sha256": self.wanted.sha256,
            "generation": self.wanted.generation,
            "state": self.state,
            "placed_at": None if self.placed_at is None else instant_text(self.placed_at),
            "remove_at": None if self.remove_at is None else instant_text(self.remove_at),
        }


@dataclass(frozen=True)
class DeliveryProblem:
    """Why something is not where it should be. ``file_name`` is empty when it concerns all of a source.

    ``lines`` is what to write into ``relay.toml``, where that is what has to be done.
    """

    place: str
    source: str
    file_name: str
    code: str
    what: str
    have: str | None
    need: str | None
    todo: str | None
    lines: str | None
    since: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        """What no two problems have in common."""
        return self.place, self.source, self.file_name

    def __str__(self) -> str:
        parts = [f"{self.what.rstrip('.')}."]
        for label, text in (("Have", self.have), ("Need", self.need), ("Do", self.todo)):
            parts += [f"{label}: {text.rstrip('.')}."] if text else []
        return " ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "place": self.place,
            "source": self.source,
            "file": self.file_name or None,
            "code": self.code,
            "what": self.what,
            "have": self.have,
            "need": self.need,
            "do": self.todo,
            "lines": self.lines,
            "since": instant_text(self.since),
        }


class Deliveries(TableGroup):
    """The tables of deliveries."""

    def list_wanted(self, ring: str) -> tuple[Wanted, ...]:
        """Return what the generation of a ring means for places, by source and path."""
        rows = self._rows(
            "SELECT source.deliver, source.name, target.path, target.sha256, target.length, target.generation "
            "FROM rings AS ring JOIN generation_sources AS source ON source.generation = ring.generation "
            "JOIN generation_targets AS target ON target.generation = ring.generation "
            "AND target.path >= source.name || '/' AND target.path < source.name || '0' "
            "WHERE ring.name = ? AND source.deliver IS NOT NULL ORDER BY source.name, target.path",
            (ring,),
        )
        return tuple(Wanted(*row) for row in rows)

    def list_all(self) -> tuple[Delivery, ...]:
        """Return every delivery, by directory and name."""
        rows = self._rows(
            "SELECT directory, place, source, path, sha256, length, generation, state, temporary, placed_at "
            "FROM deliveries ORDER BY directory, file_name"
        )
        return tuple(
            Delivery(Path(row[0]), Wanted(*row[1:7]), row[7], row[8], None if row[9] is None else parse_instant(row[9]))
            for row in rows
        )

    def save_delivery(self, delivery: Delivery) -> None:
        """Add a delivery, or say how far it is now."""
        wanted = delivery.wanted
        self._connection.execute(
            "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                str(delivery.directory),
                wanted.file_name,
                wanted.place,
                wanted.source,
                wanted.path,
                wanted.sha256,
                wanted.length,
                wanted.generation,
                delivery.state,
                delivery.temporary,
                None if delivery.placed_at is None else instant_text(delivery.placed_at),
            ),
        )

    def forget_delivery(self, delivery: Delivery) -> None:
        """Forget a delivery."""
        self._connection.execute(
            "DELETE FROM deliveries WHERE directory = ? AND file_name = ?",
            (str(delivery.directory), delivery.wanted.file_name),
        )

    def list_problems(self) -> tuple[DeliveryProblem, ...]:
        """Return what is wrong now, by place, source and name."""
        rows = self._rows(
            "SELECT place, source, file_name, code, what, have, need, todo, lines, since FROM delivery_problems "
            "ORDER BY place, source, file_name"
        )
        return tuple(DeliveryProblem(*(*row[:9], parse_instant(row[9]))) for row in rows)

    def replace_problems(self, problems: Iterable[DeliveryProblem]) -> None:
        """Say what is wrong now."""
        self._connection.execute("DELETE FROM delivery_problems")
        self._connection.executemany(
            "INSERT INTO delivery_problems VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (p.place, p.source, p.file_name, p.code, p.what, p.have, p.need, p.todo, p.lines, instant_text(p.since))
                for p in problems
            ),
        )
