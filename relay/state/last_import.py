"""The outcome of the last import that made a generation."""

from __future__ import annotations

from manifests.clock import instant_text, parse_instant
from relay.state.records import LastOutcome
from relay.state.table_group import TableGroup


class LastImport(TableGroup):
    """The table of the last import."""

    def load_last_import(self) -> LastOutcome | None:
        """Return the outcome of the last import, ``None`` before the first."""
        row = self._row("SELECT at, subject, text FROM last_import")
        return None if row is None else LastOutcome(parse_instant(row[0]), row[1], row[2])

    def save_last_import(self, outcome: LastOutcome) -> None:
        """Replace the outcome of the last import."""
        self._connection.execute(
            "INSERT OR REPLACE INTO last_import VALUES (1, ?, ?, ?)",
            (instant_text(outcome.at), outcome.subject, outcome.text),
        )
