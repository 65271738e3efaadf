"""Delegations without end."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.errors import MalformedError
from manifests.limits import Limits
from manifests.trust import Workflow, load_all_roles, update_roots
from tests.support.trust_documents import publisher
from tests.support.tuf_runs import imported, pinned, refusal
from tests.support.tuf_simulator import TufSimulator, at, resigned


def test_more_delegations_than_the_ceiling_are_refused() -> None:
    sim = TufSimulator(at(), extension=True)
    names = [f"r{number}" for number in range(5)]
    for name in names:
        sim.delegate(name, [f"{name}/*"])
    sim.publish(*names, "targets")
    imported(sim, pinned(sim), at(1), limits=Limits(delegations=5))
    error = refusal(sim, pinned(sim), at(1), limits=Limits(delegations=4))
    assert (type(error), error.code) == (MalformedError, "tuf.delegations")


def test_four_billion_hash_bins_cost_nothing_to_refuse() -> None:
    sim = publisher()

    def bins(signed: dict[str, Any]) -> None:
        signed["delegations"].pop("roles")
        signed["delegations"]["succinct_roles"] = {
            "keyids": [],
            "threshold": 1,
            "bit_length": 32,
            "name_prefix": "bin",
        }

    sim.files["2.targets.json"] = resigned(sim.files["2.targets.json"], bins, sim.signers["targets"])
    workflow = Workflow(pinned(sim), at(1))
    update_roots(workflow, sim.read)
    workflow.finish_roots()
    with pytest.raises(MalformedError) as caught:
        load_all_roles(workflow, sim.read)
    assert caught.value.code == "tuf.delegations"
