"""Reading how a relay stands."""

from datetime import timedelta

import pytest

from manifests.errors import RollbackError
from relay.state import State
from tests.support.relay_bundles import CREATED
from tests.support.relay_homes import import_bundle


def test_before_the_first_import_nothing_is_served(read):
    status = read()
    assert (status.generation, status.publisher, status.created, status.age_of_served(CREATED)) == (0, None, None, None)
    assert (status.targets, status.generations, status.sources, status.last_import) == (0, 0, (), None)


def test_the_last_import_and_the_last_refusal_are_told(home, forge, tmp_path, read):
    for name in ("1.zip", "2.zip"):
        import_bundle(home, forge.seal(tmp_path / name), forge.clock())
    with pytest.raises(RollbackError):
        import_bundle(home, tmp_path / "1.zip", forge.clock())
    status = read()
    assert (status.generation, status.generations, status.last_import.subject) == (2, 2, "2")
    assert status.last_refusal.subject == "tuf.rollback.timestamp"


def test_what_is_served_is_told_and_not_what_is_merely_held(home, forge, tmp_path, read):
    for name in ("1.zip", "2.zip"):
        import_bundle(home, forge.seal(tmp_path / name), forge.clock())
    with State(home.database) as state, state.transaction():
        state.publications.activate_generation("default", 1, CREATED + timedelta(hours=3))
    status = read()
    assert (status.generation, status.generations) == (1, 2)
