"""Codes of refusals."""

from __future__ import annotations

from tests.support.trust_documents import publisher
from tests.support.tuf_runs import imported, pinned, refusal
from tests.support.tuf_simulator import at


def test_a_role_with_an_unusual_name_does_not_reach_the_error_code() -> None:
    sim = publisher()
    sim.delegate("../odd role", ["odd/*"])
    sim.publish("../odd role", "targets")
    imported(sim, pinned(sim), at(1))
    del sim.files["2...%2Fodd%20role.json"]
    error = refusal(sim, pinned(sim), at(1))
    assert error.code == "tuf.missing.delegated"
    assert error.details == {"role": "../odd role"}
