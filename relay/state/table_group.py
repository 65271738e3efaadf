"""A group of tables of the state: how its rows are read, and SQLite's errors turned into ours."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from relay.state.schema import database_errors


class TableGroup:
    """A group of tables over an open connection. Changes happen inside a transaction of the state.

    Args:
        connection: Open; transactions are begun and ended by the state.
        path: The database, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with database_errors(self._path):
            return self._connection.execute(query, values).fetchall()

    def _row(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        with database_errors(self._path):
            return self._connection.execute(query, values).fetchone()
