"""What a reader of the next bundle has already, as its receipt says it; history turns it into digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from manifests.byte_ranges import Ranges
from manifests.receipt import Receipt


@dataclass(frozen=True)
class Holdings:
    """What is at a site.

    Args:
        generations: Held whole, but for what stands in ``without``.
        without: Digests of these generations' content that is missing or damaged.
        extra: Digests that are held beyond them: what has arrived of a generation that is not whole.
        parts: Of content that is not whole yet, by digest: which of its bytes are there.
    """

    generations: frozenset[int] = frozenset()
    without: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()
    parts: Mapping[str, Ranges] = field(default_factory=dict)


def holdings_of(receipt: Receipt) -> Holdings:
    """Return what a receipt says is held. Content that is damaged is never taken for held."""
    without = frozenset(receipt.without)
    return Holdings(
        frozenset(receipt.generations),
        without,
        frozenset(receipt.pending_holds) - without,
        dict(receipt.pending_parts),
    )
