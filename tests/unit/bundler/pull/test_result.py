"""The records of sources in a manifest."""

from __future__ import annotations

from pathlib import Path

from bundler.pull.last_good import read_last_good
from manifests.manifest import BlobMember, Manifest, decode_manifest, encode_manifest
from tests.support.benches import Bench


def test_the_manifest_takes_what_a_pull_says_even_of_odd_names(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "tree" / "e\u0301").symlink_to("a")
    bench.configure("files", "directory", path=str(tmp_path / "tree"), skip_links=True)
    result = bench.pull_all("files")
    targets = result.targets["files"]
    blobs = tuple(BlobMember(t.sha256, t.length, "stored", t.sha256, t.length) for t in targets)
    data = encode_manifest(Manifest("acme", 1, 1, bench.now, "test", result.records, targets, (), blobs))
    assert "skipped 1 link or special file (first: 'é')" in decode_manifest(data).sources[0].verification


def test_what_the_operator_says_of_a_source_stands_in_its_record_and_voids_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    bench.pull_all()
    said = {"fresh_days": 7, "licence": "two\nlines", "mount": "/", "deliver": "place", "allow_older": True}
    bench.configure("files", "directory", path=str(tmp_path / "tree"), **said)
    record = read_last_good(bench.home, bench.config).records[1]
    assert (record.failure, record.version) == (None, None)
    assert (record.fresh_days, record.licence, record.mount, record.deliver) == (7, "two\nlines", "/", "place")


def test_the_manifest_takes_what_the_operator_says(bench: Bench, tmp_path: Path) -> None:
    bench.configure("files", "directory", path=str(tmp_path / "tree"), licence="two\nlines e\u0301", fresh_days=7)
    result = bench.pull_all("files")
    targets = result.targets["files"]
    blobs = tuple(BlobMember(t.sha256, t.length, "stored", t.sha256, t.length) for t in targets)
    (source,) = decode_manifest(
        encode_manifest(Manifest("acme", 1, 1, bench.now, "test", result.records, targets, (), blobs))
    ).sources
    assert (source.licence, source.fresh_days) == ("two lines \xe9", 7)


def test_a_source_that_never_gave_anything_is_absent_with_its_error(bench: Bench, tmp_path: Path) -> None:
    bench.configure("lost", "directory", path=str(tmp_path / "nowhere"))
    for result in (bench.pull_all("lost"), read_last_good(bench.home, bench.config)):
        (absent,) = [source for source in result.absent if source.name == "lost"]
        assert absent.kind == "directory"
        assert str(tmp_path / "nowhere") in absent.failure
    assert "lost" not in {record.name for record in result.records}
