"""The rows of the table of events: what happened and changed the state. Nothing is decided by them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from manifests.clock import instant_text, parse_instant
from relay.state.records import Event
from relay.state.table_group import TableGroup


class EventRows(TableGroup):
    """The table of events, one half of what happened; the other is the audit log (:mod:`relay.events.log`)."""

    def add_event(self, event: Event) -> None:
        """Add an event. Inside a transaction, beside the change that it tells of."""
        self._connection.execute(
            "INSERT INTO events (at, kind, text, details) VALUES (?, ?, ?, ?)",
            (instant_text(event.at), event.kind, event.text, json.dumps(dict(event.details), sort_keys=True)),
        )

    def list_events(self, kinds: Iterable[str] = (), limit: int = -1) -> tuple[Event, ...]:
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
