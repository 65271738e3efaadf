"""Which generation a ring should serve. Pure."""

from __future__ import annotations

from collections.abc import Iterable

DEFAULT_RING = "default"
"""The one ring there is for now: it gets every generation at once."""


def choose_generation(held: Iterable[int]) -> int | None:
    """Return the generation that a ring should serve: the newest that is held and allowed; ``None`` without one.

    Every held generation is allowed: verdicts of gates, once there are any, are asked here.
    """
    return max(held, default=None)
