"""Receipts: the serial of the newest, and whether what is here has changed since it was made.

The serial only grows, and none is ever given twice. A change is counted in the transaction that makes it, so that a
crash before the receipt leaves it due.
"""

from __future__ import annotations

from relay.state.table_group import TableGroup


class Receipts(TableGroup):
    """The tables of receipts."""

    def load_last_serial(self) -> int:
        """Return the serial of the newest receipt, 0 before the first."""
        return int(self._row("SELECT coalesce(max(serial), 0) FROM receipt_serial")[0])

    def save_last_serial(self, serial: int) -> None:
        """Replace the serial of the newest receipt."""
        self._connection.execute("INSERT OR REPLACE INTO receipt_serial VALUES (1, ?)", (serial,))

    def note_change(self) -> None:
        """Count a change that the next receipt has to tell of."""
        self._connection.execute(
            "INSERT INTO receipt_due VALUES (1, 1, 0) ON CONFLICT (id) DO UPDATE SET changes = changes + 1"
        )

    def find_untold_changes(self) -> int | None:
        """Return how many changes there were, for :meth:`note_told`; ``None`` when a receipt tells of all of them."""
        row = self._row("SELECT changes FROM receipt_due WHERE changes > told")
        return None if row is None else int(row[0])

    def note_told(self, changes: int) -> None:
        """Record that a receipt tells of so many changes; it was made after they were counted."""
        self._connection.execute("UPDATE receipt_due SET told = max(told, ?)", (changes,))
