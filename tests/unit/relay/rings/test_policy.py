import pytest

from relay.rings.policy import choose_generation


@pytest.mark.parametrize(("held", "chosen"), [((), None), ((3,), 3), ((1, 2, 7), 7), ((7, 1, 2), 7)])
def test_a_ring_should_serve_the_newest_generation_that_is_held(held, chosen):
    assert choose_generation(held) == chosen
