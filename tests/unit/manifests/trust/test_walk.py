"""Ways through the workflow: what is read, and what is not."""

from __future__ import annotations

import pytest

from manifests.errors import IncompleteError
from manifests.trust import (
    find_target,
)
from tests.support.tuf_runs import imported, pinned, refreshed
from tests.support.tuf_simulator import TufSimulator, at


def test_a_client_reads_only_what_has_changed(sim: TufSimulator) -> None:
    state = refreshed(sim, pinned(sim), at(1)).state
    assert sim.requests == ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]
    sim.requests.clear()
    refreshed(sim, state, at(1))
    assert sim.requests == ["2.root.json", "timestamp.json"]
    sim.requests.clear()
    sim.publish("clamav")
    workflow = refreshed(sim, state, at(1))
    assert sim.requests == ["2.root.json", "timestamp.json", "3.snapshot.json"]
    sim.requests.clear()
    assert find_target(workflow, sim.read, "clamav/one").length == 6
    assert find_target(workflow, sim.read, "clamav/one").length == 6
    assert sim.requests == ["3.clamav.json"]


def test_without_consistent_snapshots_names_carry_no_versions() -> None:
    sim = TufSimulator(at(), extension=True, consistent=False)
    assert imported(sim, pinned(sim), at(1)).file_names == ("timestamp.json", "snapshot.json", "targets.json")


def test_a_target_that_nobody_lists_is_said_to_be_unknown(sim: TufSimulator) -> None:
    workflow = refreshed(sim, pinned(sim), at(1))
    for path in ("clamav/none", "nobody/one", "clamav/one/", "", "\udcff"):
        with pytest.raises(IncompleteError) as caught:
            find_target(workflow, sim.read, path)
        assert caught.value.code == "tuf.no-such-target"
