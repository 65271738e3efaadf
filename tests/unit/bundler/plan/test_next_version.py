"""What the next version consists of, in the order in which it is signed."""

from __future__ import annotations

from datetime import timedelta

from bundler.plan.next_version import compose_version
from bundler.pull.pull import PullResult
from bundler.repository.staging import Staged
from manifests.clock import parse_instant
from manifests.manifest import SourceRecord, Target

NOW = parse_instant("2026-11-21T12:00:00Z")
A, B = "a" * 64, "b" * 64


def test_targets_are_sorted_by_path_sources_by_name_and_notes_come_last() -> None:
    pulled = PullResult(
        records=(SourceRecord("yara", "directory", NOW, ""), SourceRecord("clamav", "directory", NOW, "")),
        targets={"yara": (Target("yara/x", 1, A),), "clamav": (Target("clamav/y", 2, B),)},
        failures=(),
    )
    earlier = NOW - timedelta(days=8)
    signed = {"yara": earlier, "clamav": NOW}
    staged = Staged(7, 2, NOW, (("1.root.json", b"r"), ("timestamp.json", b"t")), signed)
    version = compose_version("plant", "t", pulled, staged, b"notes")
    assert (version.snapshot_version, version.root_version, version.created) == (7, 2, NOW)
    assert [source.name for source in version.sources] == ["clamav", "yara"]
    assert {source.name: source.pulled_at for source in version.sources} == signed
    assert [target.path for target in version.targets] == ["clamav/y", "yara/x"]
    assert version.documents == (("tuf/1.root.json", b"r"), ("tuf/timestamp.json", b"t"), ("notes.md", b"notes"))
    assert compose_version("plant", "t", pulled, staged).documents == version.documents[:2]
