"""Which rule packs are known to be stored in which manager, with the very content that is here."""

from __future__ import annotations

from dataclasses import dataclass

from relay.state.table_group import TableGroup


@dataclass(frozen=True)
class StoredPack:
    """A rule pack that a manager has: ``manager`` is its address, ``entry_id`` the manager's number for it."""

    manager: str
    name: str
    sha256: str
    entry_id: int


class ManagerDeliveries(TableGroup):
    """The table of packs stored in managers."""

    def has_pack(self, pack: StoredPack) -> bool:
        """Tell whether this very content is known to be stored as this very entry."""
        row = self._row(
            "SELECT 1 FROM manager_deliveries WHERE manager = ? AND name = ? AND sha256 = ? AND entry_id = ?",
            (pack.manager, pack.name, pack.sha256, pack.entry_id),
        )
        return row is not None

    def add_pack(self, pack: StoredPack) -> None:
        """Record that a manager has a pack."""
        self._connection.execute(
            "INSERT OR IGNORE INTO manager_deliveries VALUES (?, ?, ?, ?)",
            (pack.manager, pack.name, pack.sha256, pack.entry_id),
        )
