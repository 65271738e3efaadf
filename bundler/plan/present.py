"""What the readers of the next bundle hold already, and how each target therefore arrives.

"Arrived" is only what a receipt says, or the operator with ``--since VERSION``. That a bundle was made says
nothing about any site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bundler.history import History
from bundler.plan.readers import Readers
from bundler.sites.holdings import Holdings
from manifests.byte_ranges import Ranges, byte_count, common_ranges, gaps_in
from manifests.manifest import Target


@dataclass(frozen=True)
class Held:
    """What all readers have.

    Args:
        generations: Digest to the generation that vouches for it: the newest of a reader that has it, and the
            lowest of these among the readers.
        bases: The targets of each generation that all readers have, newest generation first.
        parts: Of content that not all readers have: the bytes that all of them have, by digest.
        begun: Digest of such content to the newest generation that it belongs to.
    """

    generations: Mapping[str, int] = field(default_factory=dict)
    bases: tuple[tuple[Target, ...], ...] = ()
    parts: Mapping[str, Ranges] = field(default_factory=dict)
    begun: Mapping[str, int] = field(default_factory=dict)

    def since(self, used: Iterable[str]) -> int | None:
        """Return the lowest generation that a reader of a bundle must have which uses these digests."""
        vouching = {**self.begun, **self.generations}
        return min((vouching[digest] for digest in used), default=None)

    def rest(self, targets: Iterable[Target], carried_length: Callable[[Target], int]) -> dict[str, Ranges]:
        """Return, by digest, the bytes that need not be carried of targets that arrive as blobs.

        Args:
            targets: Of the next bundle.
            carried_length: What the whole content takes in a bundle, in bytes; where that is less, it is carried.
        """
        return {
            target.sha256: self.parts[target.sha256]
            for target in targets
            if target.arrives == "blob"
            and target.sha256 in self.parts
            and 0 < self.missing(target) < carried_length(target)
        }

    def missing(self, target: Target) -> int:
        """Return how many bytes of a content not all readers have; of one that was never begun, all."""
        return byte_count(gaps_in(self.parts.get(target.sha256, ()), 0, target.length))

    def mark(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """Return the targets, those that all readers have as ``held``."""
        return tuple(
            replace(target, arrives="held" if target.sha256 in self.generations else "blob") for target in targets
        )


def held(history: History, who: Readers) -> Held:
    """Find what all readers have.

    A generation that is not kept here counts for nothing, so what only it vouches for is carried again.

    Raises:
        ConfigurationError: ``history.damaged``.
        StorageError: A file cannot be read.
    """
    if not who.holdings:
        return Held()
    known = {version: history.targets(version) for version in reversed(history.versions())}
    each = [_digests(known, holdings) for holdings in who.holdings]
    everybody = set.intersection(*(set(digests) for digests in each))
    generations = {digest: min(digests[digest] for digests in each) for digest in everybody}
    bases = (tuple(target for target in targets if target.sha256 in everybody) for targets in known.values())
    begun = _begun(known, {digest for holdings in who.holdings for digest in holdings.parts} - everybody)
    parts = {digest: _common_parts(digest, who.holdings, each) for digest in begun}
    parts = {digest: ranges for digest, ranges in parts.items() if ranges}
    return Held(
        generations,
        tuple(targets for targets in bases if targets),
        parts,
        {digest: begun[digest] for digest in parts},
    )


def _begun(known: Mapping[int, Sequence[Target]], digests: set[str]) -> dict[str, int]:
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


def _digests(known: Mapping[int, Sequence[Target]], holdings: Holdings) -> dict[str, int]:
    """Return what one reader has, with the newest generation that vouches for it. ``known`` is newest first."""
    found: dict[str, int] = {}
    for version, targets in known.items():
        for target in targets:
            whole = version in holdings.generations and target.sha256 not in holdings.without
            if whole or target.sha256 in holdings.extra:
                found.setdefault(target.sha256, version)
    return found
