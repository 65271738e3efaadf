"""What is present at all readers of the next bundle: only what somebody said is.

"Arrived" is what a receipt says, or the operator with ``--since VERSION``. That a bundle was made says nothing
about any site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bundler.plan.readers import Readers
from bundler.sites.holdings import Holdings
from manifests.byte_ranges import Ranges, byte_count, common_ranges, gaps_in
from manifests.manifest import Target


@dataclass(frozen=True)
class Present:
    """What all readers have.

    Args:
        generations: Digest to the generation that vouches for it: the newest of a reader that has it, and the
            lowest of these among the readers.
        bases: The targets of each generation that all readers have, newest generation first.
        parts: Of content that not all readers have: the bytes that all of them have, by digest.
        part_generations: Digest of such content to the newest generation that it belongs to.
    """

    generations: Mapping[str, int] = field(default_factory=dict)
    bases: tuple[tuple[Target, ...], ...] = ()
    parts: Mapping[str, Ranges] = field(default_factory=dict)
    part_generations: Mapping[str, int] = field(default_factory=dict)

    def since(self, used: Iterable[str]) -> int | None:
        """Return the lowest generation that a reader of a bundle must have which uses these digests."""
        vouching = {**self.part_generations, **self.generations}
        return min((vouching[digest] for digest in used), default=None)

    def missing_bytes(self, target: Target) -> int:
        """Return how many bytes of a content not all readers have; of one that was never begun, all."""
        return byte_count(gaps_in(self.parts.get(target.sha256, ()), 0, target.length))

    def spared_ranges(self, target: Target, whole_length: int) -> Ranges:
        """Return the bytes of a target that need not be carried.

        Args:
            target: One that not all readers have.
            whole_length: What its whole content takes in a bundle, in bytes.

        Returns:
            Ascending; none where carrying the whole takes no more than carrying what is missing.
        """
        return self.parts.get(target.sha256, ()) if 0 < self.missing_bytes(target) < whole_length else ()


def find_present(known: Mapping[int, Sequence[Target]], readers: Readers) -> Present:
    """Find what all readers have.

    A generation that is not known here counts for nothing, so what only it vouches for is carried again.

    Args:
        known: The targets of each generation that is remembered, newest first: of the readers that have one.
        readers: For whom the bundle is made.
    """
    if not readers.holdings:
        return Present()
    each = [_digests_of(known, holdings) for holdings in readers.holdings]
    everybody = set.intersection(*(set(digests) for digests in each))
    generations = {digest: min(digests[digest] for digests in each) for digest in everybody}
    bases = (tuple(target for target in targets if target.sha256 in everybody) for targets in known.values())
    begun = _newest_generations(known, {digest for one in readers.holdings for digest in one.parts} - everybody)
    parts = {digest: _common_parts(digest, readers.holdings, each) for digest in begun}
    parts = {digest: ranges for digest, ranges in parts.items() if ranges}
    return Present(
        generations,
        tuple(targets for targets in bases if targets),
        parts,
        {digest: begun[digest] for digest in parts},
    )


def _newest_generations(known: Mapping[int, Sequence[Target]], digests: set[str]) -> dict[str, int]:
    """Return the newest generation of each digest that is in one. ``known`` is newest first."""
    found: dict[str, int] = {}
    for version, targets in known.items():
        for target in targets:
            if target.sha256 in digests:
                found.setdefault(target.sha256, version)
    return found


def _common_parts(digest: str, holdings: Sequence[Holdings], each: Sequence[Mapping[str, int]]) -> Ranges:
    """Return the bytes of a content that every reader has: in parts, or because the reader has all of it."""
    lacking = [one for one, whole in zip(holdings, each, strict=True) if digest not in whole]
    return common_ranges([one.parts.get(digest, ()) for one in lacking])


def _digests_of(known: Mapping[int, Sequence[Target]], holdings: Holdings) -> dict[str, int]:
    """Return what one reader has, with the newest generation that vouches for it. ``known`` is newest first."""
    found: dict[str, int] = {}
    for version, targets in known.items():
        for target in targets:
            whole = version in holdings.generations and target.sha256 not in holdings.without
            if whole or target.sha256 in holdings.extra:
                found.setdefault(target.sha256, version)
    return found
