"""Answers within bounds of size and time."""

from __future__ import annotations

from itertools import count

import pytest

from manifests.dsm import collect_answer
from manifests.errors import FetchError


def test_an_answer_is_collected_within_its_bounds() -> None:
    assert collect_answer([b"ab", b"c"], max_bytes=3, seconds=1, monotonic=lambda: 0.0) == b"abc"
    with pytest.raises(FetchError) as caught:
        collect_answer([b"ab", b"cd"], max_bytes=3, seconds=1, monotonic=lambda: 0.0)
    assert caught.value.code == "dsm.too-large"
    ticks = count(step=2)
    with pytest.raises(FetchError) as caught:
        collect_answer([b"ab"], max_bytes=3, seconds=1, monotonic=lambda: float(next(ticks)))
    assert caught.value.code == "dsm.too-slow"
