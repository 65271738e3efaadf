"""A publisher whose documents can be signed with anything in them."""

from __future__ import annotations

from tests.support.tuf_simulator import TufSimulator, at


def publisher() -> TufSimulator:
    sim = TufSimulator(at(), extension=True)
    sim.delegate("a", ["a/*"])
    sim.add_target("a/x", b"x", "a")
    sim.publish("a", "targets")
    return sim
