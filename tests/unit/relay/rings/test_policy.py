from datetime import UTC, datetime

import pytest

from relay.rings.policy import DEFAULT_RING, HeldGeneration, choose_generation
from relay.state import Ring

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("served", [None, 1, 7])
@pytest.mark.parametrize(("held", "chosen"), [((), None), ((3,), 3), ((1, 2, 7), 7), ((7, 1, 2), 7)])
def test_a_ring_should_serve_the_newest_generation_that_is_held(served, held, chosen):
    ring = Ring(DEFAULT_RING, served, None, None)
    assert choose_generation(ring, [HeldGeneration(number, NOW) for number in held], NOW) == chosen
