"""What is trusted: the metadata that is believed, the clock floor, and the repository as it is served again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from manifests.clock import instant_text, parse_instant
from relay.state.records import RoleTrust
from relay.state.table_group import TableGroup

if TYPE_CHECKING:  # slow to import, and a status does not need it
    from manifests.trust import TrustedState


class TrustedMetadata(TableGroup):
    """The tables of trusted metadata."""

    def load_trusted(self) -> TrustedState:
        """Return the metadata that is believed and the clock floor."""
        from manifests.trust import TrustedState

        data: dict[str, bytes] = dict(self._rows("SELECT role, data FROM trusted ORDER BY position"))
        return TrustedState(
            root=data.pop("root"),
            timestamp=data.pop("timestamp", None),
            snapshot=data.pop("snapshot", None),
            targets=tuple(data.items()),
            clock_floor=self.load_clock_floor(),
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

    def load_clock_floor(self) -> datetime | None:
        """Return the latest signed instant that was ever verified."""
        floor = self._row("SELECT floor FROM clock")[0]
        return None if floor is None else parse_instant(floor)

    def list_roles(self) -> tuple[RoleTrust, ...]:
        """Return until when each trusted role is good, root first."""
        rows = self._rows("SELECT role, version, expires_at FROM trusted ORDER BY position")
        return tuple(RoleTrust(role, version, parse_instant(expires_at)) for role, version, expires_at in rows)

    def load_metadata(self) -> dict[str, bytes]:
        """Return the publisher's metadata to serve again, by file name."""
        return dict(self._rows("SELECT name, data FROM metadata"))

    def load_roots(self) -> dict[str, bytes]:
        """Return every root that is known, the trusted one among them, by file name."""
        version, data = self._row("SELECT version, data FROM trusted WHERE role = 'root'")
        served = dict(self._rows("SELECT name, data FROM metadata WHERE name LIKE '%.root.json'"))
        return {**served, f"{version}.root.json": data}

    def save_metadata(self, documents: tuple[tuple[str, bytes], ...], number: int, since: int) -> None:
        """Replace the publisher's metadata that is served again. Inside a transaction.

        Args:
            documents: That of a bundle, by member name.
            number: The bundle's generation.
            since: The generation from which on files stay, for clients in the middle of a walk; roots stay for ever.
        """
        from manifests.manifest import TUF_PREFIX

        self._connection.executemany(
            "INSERT INTO metadata VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET last_generation = excluded.last_generation, data = excluded.data",
            ((name.removeprefix(TUF_PREFIX), number, data) for name, data in documents if name.startswith(TUF_PREFIX)),
        )
        self._connection.execute(
            "DELETE FROM metadata WHERE last_generation < ? AND name NOT LIKE '%.root.json'", (since,)
        )
