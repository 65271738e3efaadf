"""What changed from one manifest to another: target by target, and in all per source. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manifests.manifest import Manifest, Target


@dataclass(frozen=True)
class SourceDifference:
    """What changed in one source, each part sorted by path. ``before`` and ``after``: all its content, in bytes."""

    name: str
    added: tuple[Target, ...]
    updated: tuple[tuple[Target, Target], ...]
    removed: tuple[Target, ...]
    unchanged: int
    before: int
    after: int

    @property
    def changed(self) -> bool:
        """Whether any target changed."""
        return bool(self.added or self.updated or self.removed)


@dataclass(frozen=True)
class Difference:
    """What changed between two manifests; ``sources`` are those of either, sorted by name."""

    old: Manifest
    new: Manifest
    sources: tuple[SourceDifference, ...]


def compare_targets(old: Manifest, new: Manifest) -> Difference:
    """Compare two manifests target by target."""
    before, after = _by_source(old), _by_source(new)
    names = sorted(before.keys() | after.keys())
    return Difference(old, new, tuple(_source(name, before.get(name, ()), after.get(name, ())) for name in names))


def _by_source(manifest: Manifest) -> dict[str, list[Target]]:
    found: dict[str, list[Target]] = {source.name: [] for source in manifest.sources}
    for target in manifest.targets:
        found[target.source].append(target)
    return found


def _source(name: str, old: Sequence[Target], new: Sequence[Target]) -> SourceDifference:
    before = {target.path: target for target in old}
    after = {target.path: target for target in new}
    both = sorted(before.keys() & after.keys())
    updated = tuple((before[path], after[path]) for path in both if before[path].sha256 != after[path].sha256)
    return SourceDifference(
        name=name,
        added=tuple(after[path] for path in sorted(after.keys() - before.keys())),
        updated=updated,
        removed=tuple(before[path] for path in sorted(before.keys() - after.keys())),
        unchanged=len(both) - len(updated),
        before=sum(target.length for target in old),
        after=sum(target.length for target in new),
    )
