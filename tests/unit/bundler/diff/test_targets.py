"""What changed between two manifests, target by target."""

from __future__ import annotations

from bundler.diff.targets import compare_targets
from tests.support.rule_sets import manifest


def test_targets_are_added_updated_removed_or_as_they_were_each_in_its_own_source() -> None:
    old = manifest(1, {"a/one": b"1", "a/same": b"s", "gone/x": b"xx"})
    new = manifest(2, {"a/one": b"11", "a/same": b"s", "a/two": b"2", "new/y": b"yyy"})
    found = compare_targets(old, new)
    assert (found.old, found.new) == (old, new)
    a, gone, new_source = found.sources
    assert [source.name for source in found.sources] == ["a", "gone", "new"]
    assert [target.path for target in a.added] == ["a/two"]
    assert [(before.length, after.length) for before, after in a.updated] == [(1, 2)]
    assert (a.removed, a.unchanged, a.before, a.after) == ((), 1, 2, 4)
    assert [target.path for target in gone.removed] == ["gone/x"]
    assert [target.path for target in new_source.added] == ["new/y"]
    assert a.changed
    assert not compare_targets(old, old).sources[0].changed
