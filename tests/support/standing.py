"""How a relay stands before a bundle that must be refused, and what a refusal may leave at most."""

from __future__ import annotations

import hashlib
from pathlib import Path

from manifests.errors import SealiftError
from relay.home import Home
from relay.rings.policy import DEFAULT_RING
from relay.state import State


class Standing:
    """A relay as it is now. Good for many refusals: :meth:`restore` takes back what one left.

    Args:
        home: A relay that nobody else uses meanwhile.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._blobs = frozenset(self._blob_files())
        self._believed = self._look()
        self._database = home.database.read_bytes()

    def complaint(self, error: SealiftError) -> str | None:
        """Return what a refusal left that it must not leave, or ``None``.

        Without a trace is always right. A bundle that was refused as damaged may leave blobs that have their
        digests, and a record of the pending generation; what is trusted and served is the same.
        """
        added = sorted(set(self._blob_files()) - self._blobs)
        if not added and self._home.database.read_bytes() == self._database:
            return None
        if error.code != "bundle.damaged":
            return f"{error.code} left a trace"
        if self._look() != self._believed:
            return "what is trusted or served has changed"
        wrong = [path for path in added if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]
        return f"not what their names say: {wrong}" if wrong else None

    def restore(self) -> None:
        """Take back what a refusal left."""
        for path in set(self._blob_files()) - self._blobs:
            path.unlink()
        if self._home.database.read_bytes() != self._database:
            self._home.database.write_bytes(self._database)

    def _blob_files(self) -> list[Path]:
        directories = (*self._home.store.root.iterdir(), self._home.store.temporary)
        return [path for directory in directories for path in directory.iterdir()]

    def _look(self) -> tuple[object, ...]:
        with State(self._home.database) as state:
            served = tuple(state.publications.list_files(DEFAULT_RING))
            return (
                state.trusted.load_trusted(),
                state.generations.list_generations(),
                served,
                state.trusted.load_metadata(),
                state.publications.list_rings(),
            )
