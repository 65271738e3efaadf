"""Three bundles, and what must hold of a relay after its import of them was interrupted anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.disk.blobs import Blob
from manifests.errors import RollbackError
from manifests.progress import CancelToken, NoProgress
from relay.afterwards import follow_import
from relay.home import Home, open_home
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.store.verify import verify_store
from tests.support.child import Acknowledge
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_and_follow, make_context

LAST = 3


def served_content(home: Home) -> dict[str, bytes]:
    """Return what a relay's ring serves, by path."""
    with State(home.database) as state:
        served: dict[str, Blob] = {path: blob for path, blob, _ in state.publications.list_files(DEFAULT_RING)}
    return {path: b"".join(home.store.read(blob.sha256)) for path, blob in served.items()}


class Crossing:
    """Three bundles on their way in: one full, two increments; two roots."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.forge = BundleForge()
        self.bundles: list[Path] = []
        self.content: list[dict[str, bytes]] = [{}]
        for number in range(1, LAST + 1):
            self.forge.files |= {f"rules/{number}": b"%d " % number * 30_000, "rules/same": b"the same"}
            self.forge.files["clamav/daily"] = bytes([number]) * 100_000
            path = directory / f"{number}.zip"
            deflated = ["clamav/daily"] if number == LAST else []
            self.bundles.append(self.forge.seal(path, since=number - 1 or None, deflated=deflated))
            self.content.append(dict(self.forge.files))
            self.forge.rotate()
        self.clock = self.forge.clock()

    def import_from(self, home: Home, first: int, acknowledge: Acknowledge, **config: object) -> int:
        """Import the bundles from one on, acknowledging each."""
        for path in self.bundles[first - 1 :]:
            import_and_follow(make_context(home, self.clock, **config), path)
            acknowledge()
        return 0

    def check_after(self, path: Path, acknowledged: int, late: int = 0) -> int:
        """Look at a relay after an interruption: old or new, whole, never behind what was acknowledged.

        What is served may be one generation behind what is held, until what follows an import is done again.

        Args:
            path: The relay's home.
            acknowledged: The newest generation whose import was reported as done.
            late: How many more were reported as done only after the interruption: no promise, but they may be here.

        Returns:
            The generation it holds.
        """
        home = open_home(path)
        with State(home.database) as state:
            newest = state.generations.find_newest_number()
            assert acknowledged <= newest <= min(acknowledged + late + 1, LAST)
            served = state.publications.find_ring(DEFAULT_RING).generation or 0
            assert served in {newest, newest - 1}
            assert served_content(home) == self.content[served]
            assert state.trusted.load_clock_floor() == (self.forge.created(newest) if newest else None)
            assert {role.role: role.version for role in state.trusted.list_roles()}.get("timestamp", 0) == newest
            assert len(state.event_rows.list_events(["import"])) == newest
        assert verify_store(home, NoProgress(), CancelToken()).damage == ()
        follow_import(make_context(home, self.clock))
        assert served_content(home) == self.content[newest]
        return newest

    def finish(self, path: Path) -> None:
        """Bring the relay to the last generation with the same three files; older ones are rollbacks."""
        home = open_home(path)
        with State(home.database) as state:
            newest = state.generations.find_newest_number()
        for number, bundle in enumerate(self.bundles, 1):
            if number < newest:
                with pytest.raises(RollbackError):
                    import_and_follow(make_context(home, self.clock), bundle)
            else:
                result, _ = import_and_follow(make_context(home, self.clock), bundle)
                assert result.outcome == ("already-imported" if number == newest else "imported")
        assert self.check_after(path, LAST) == LAST
        assert list(home.store.temporary.iterdir()) == []
