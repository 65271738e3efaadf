"""The serial of the newest receipt that was made here: it only grows, and none is ever given twice."""

from __future__ import annotations

from relay.state.table_group import TableGroup


class ReceiptSerials(TableGroup):
    """The table of the receipt serial."""

    def load_last_serial(self) -> int:
        """Return the serial of the newest receipt, 0 before the first."""
        return int(self._row("SELECT coalesce(max(serial), 0) FROM receipt_serial")[0])

    def save_last_serial(self, serial: int) -> None:
        """Replace the serial of the newest receipt."""
        self._connection.execute("INSERT OR REPLACE INTO receipt_serial VALUES (1, ?)", (serial,))
