"""Ways through the workflow: what is read, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manifests.errors import IncompleteError
from manifests.limits import DEFAULT_LIMITS
from manifests.trust import Workflow, find_target, find_targets, refresh_top_roles, update_roots
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


class Everything:
    """A choice of all there is."""

    literals = None

    def takes(self, path: str) -> bool:
        return bool(path)

    def may_take_of(self, pattern: str) -> bool:
        return bool(pattern)


def test_everything_is_found_in_more_bins_than_a_bundle_may_have() -> None:
    sim = TufSimulator(at(), extension=True)
    names = sim.delegate_bins("bin", 11)
    for number in range(20):
        path = f"wheel-{number}"
        assert sim.targets.delegations is not None
        assert sim.targets.delegations.succinct_roles is not None
        sim.add_target(path, b"x", sim.targets.delegations.succinct_roles.get_role_for_target(path))
    sim.publish(*names, "targets")
    workflow = Workflow(pinned(sim), at(1), replace(DEFAULT_LIMITS, delegations=4096))
    update_roots(workflow, sim.read)
    workflow.finish_roots()
    refresh_top_roles(workflow, sim.read)
    assert workflow.state.snapshot is not None
    assert sorted(find_targets(workflow, sim.read, Everything())) == sorted(f"wheel-{number}" for number in range(20))
    assert len(workflow.state.targets) == 2049
