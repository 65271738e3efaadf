"""Which generation a ring should serve. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.state.records import Ring

DEFAULT_RING = "default"
"""The one ring there is for now: it gets every generation at once."""


@dataclass(frozen=True)
class HeldGeneration:
    """A generation that a ring may be moved to. ``held_since``: when it was imported, aware UTC."""

    number: int
    held_since: datetime


def choose_generation(
    ring: Ring,  # noqa: ARG001 - a freeze and a pin are of one ring
    held: Sequence[HeldGeneration],
    now: datetime,  # noqa: ARG001 - a soak ends
) -> int | None:
    """Return the generation that a ring should serve: the newest that is held and allowed; ``None`` without one.

    Every held generation is allowed, to every ring, at once: soaks and verdicts of gates, once there are any, are
    asked here.

    Args:
        ring: What it serves now.
        held: What it may serve, in any order.
        now: The system's time.
    """
    return max((one.number for one in held), default=None)
