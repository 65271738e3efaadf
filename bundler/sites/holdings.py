"""What a reader of the next bundle has already, as its receipt says it; history turns it into digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from manifests.receipt import Ranges, Receipt


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


NOTHING = Holdings()
"""What a site has that is new, or that nobody knows anything of."""


def holdings_of(receipt: Receipt) -> Holdings:
    """Return what a receipt says is held. Content that is damaged is never taken for held."""
    without = frozenset(receipt.without)
    return Holdings(
        frozenset(receipt.generations),
        without,
        frozenset(receipt.pending_holds) - without,
        dict(receipt.pending_parts),
    )


def common(ranges: Sequence[Ranges]) -> Ranges:
    """Return the bytes that are in all of several sets of ranges, at least one."""
    result = ranges[0]
    for other in ranges[1:]:
        pairs = ((max(a, c), min(b, d)) for a, b in result for c, d in other)
        result = tuple(sorted((first, behind) for first, behind in pairs if first < behind))
    return result


def gaps(ranges: Ranges, length: int) -> Ranges:
    """Return the bytes of a content of this length that are not in its ranges, which are ascending."""
    edges = [0, *(min(edge, length) for pair in ranges for edge in pair), length]
    return tuple((first, behind) for first, behind in zip(edges[::2], edges[1::2], strict=True) if first < behind)


def covered(ranges: Iterable[tuple[int, int]]) -> int:
    """Return how many bytes ranges cover."""
    return sum(behind - first for first, behind in ranges)
