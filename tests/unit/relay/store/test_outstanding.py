"""What is outstanding of a generation, and what is asked for in the DMZ."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from relay.state import GenerationTarget, State
from relay.store.outstanding import (
    OutstandingContent,
    find_missing_targets,
    find_newest_whole,
    list_outstanding,
)
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_home

TWENTY = ", ".join(map(str, range(1, 21)))
LEFT = OutstandingContent(
    generation=7,
    publisher="acme",
    created=datetime(2026, 11, 30, tzinfo=UTC),
    since=6,
    volume_count=3,
    seen=(1, 3),
    damaged=(),
    targets=10,
    missing_targets=4,
    missing_bytes=5000,
)


def test_volumes_that_nobody_brought_are_what_is_needed():
    assert LEFT.unseen == (2,)
    assert LEFT.have == "volumes 1, 3 of 3, 6 of 10 files of generation 7"
    assert LEFT.need == "volume 2 of 3: 4 files, 5,000 bytes"
    assert (
        LEFT.todo.startswith("import acme-000007-from-000006.vol2of3.zip; if it is lost")
        or "bundle create --again 7" in LEFT.todo
    )


@pytest.mark.parametrize(
    ("change", "need"),
    [
        ({"seen": (1, 2, 3), "damaged": (2,)}, "4 files, 5,000 bytes"),
        ({"missing_targets": 0, "missing_bytes": 0}, "none of its content, only a bundle of it that is whole"),
        (
            {"volume_count": 40, "seen": ()},
            "volumes " + ", ".join(map(str, range(1, 21))) + ", ... of 40: 4 files, 5,000 bytes",
        ),
    ],
)
def test_what_is_needed_is_said_by_volume_only_while_volumes_are_unseen(change, need):
    assert replace(LEFT, **change).need == need


def test_a_damaged_volume_is_asked_for_by_its_name():
    left = replace(LEFT, seen=(1, 2, 3), damaged=(2,))
    assert left.todo.startswith(
        "import acme-000007-since-000006-v2-of-3.zip from an undamaged copy (in the DMZ: bundle create --again 7); "
    )


def test_the_newest_whole_generation_is_the_one_of_which_nothing_is_lost(tmp_path):
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    with State(home.database) as state:
        assert find_newest_whole(state, home.store) == 0
        assert list_outstanding(state, home.store) == ()
    for number in (1, 2):
        forge.files = {"rules/own": b"%d" % number}
        import_bundle(home, forge.seal(tmp_path / f"{number}.zip"), forge.clock())
    with State(home.database) as state:
        assert find_newest_whole(state, home.store) == 2
        (lost,) = state.generations.list_targets(2)
        home.store.path(lost.sha256).unlink()
        assert find_newest_whole(state, home.store) == 1
        assert find_missing_targets([lost], home.store) == (lost,)
        assert isinstance(lost, GenerationTarget)
