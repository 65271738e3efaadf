"""What a reader of the next bundle has already, as its receipt says it; history turns it into digests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Holdings:
    """What is at a site.

    Args:
        generations: Held whole, but for what stands in ``without``.
        without: Digests of these generations' content that is missing or damaged.
        extra: Digests that are held beyond them: what has arrived of a generation that is not whole.
    """

    generations: frozenset[int] = frozenset()
    without: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()


NOTHING = Holdings()
"""What a site has that is new, or that nobody knows anything of."""
