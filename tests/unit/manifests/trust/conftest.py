"""Fixtures shared by the tests of this folder."""

from __future__ import annotations

import pytest

from tests.support.tuf_simulator import TufSimulator, at


@pytest.fixture
def sim() -> TufSimulator:
    """A publisher with two sources."""
    sim = TufSimulator(at(), extension=True, hashes=True)
    for source in ("clamav", "sigma"):
        sim.delegate(source, [f"{source}/*", f"{source}/*/*"], terminating=True)
        sim.add_target(f"{source}/one", source.encode(), source)
    sim.add_target("sigma/deep/two", b"two", "sigma")
    sim.publish("clamav", "sigma", "targets")
    return sim
