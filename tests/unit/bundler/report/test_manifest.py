"""What a manifest lists, as text and as JSON."""

from __future__ import annotations

from dataclasses import replace

from bundler.report.manifest import carried_bytes, manifest_to_json, manifest_to_text
from manifests.manifest import AbsentSource, BlobMember, PatchMember
from tests.support.rule_sets import manifest

PLAIN = manifest(3, {"a/one": b"1", "a/two": b"22", "b/x": b"333"})
BLOB = BlobMember("0" * 64, 100, "deflate", "1" * 64, 40)
PATCH = PatchMember("2" * 64, 1000, "3" * 64, 900, "hdiffpatch", "4" * 64, 7)


def test_each_source_has_its_own_targets_and_bytes() -> None:
    said = manifest_to_json(PLAIN, targets=True)
    assert [(row["name"], row["targets"], row["content_bytes"]) for row in said["sources"]] == [
        ("a", 2, 3),
        ("b", 1, 3),
    ]
    assert (said["targets"], said["content_bytes"], said["carried_bytes"]) == (3, 6, 0)
    assert [row["path"] for row in said["target_list"]] == ["a/one", "a/two", "b/x"]
    assert "target_list" not in manifest_to_json(PLAIN, targets=False)


def test_what_is_carried_is_what_it_takes_in_the_file_patches_among_it() -> None:
    carried = replace(PLAIN, blobs=(BLOB,), patches=(PATCH,))
    assert carried_bytes(carried) == 47
    assert "6 bytes; 47 bytes carried" in manifest_to_text(carried, targets=False)
    assert "6 bytes; 99 bytes carried" in manifest_to_text(carried, targets=False, carried=99)


def test_an_increment_a_volume_and_last_good_content_are_said() -> None:
    source = replace(PLAIN.sources[0], failure="no route", licence="GPL", fresh_days=3)
    told = replace(PLAIN, since=2, volume_index=1, volume_count=4, sources=(source, PLAIN.sources[1]))
    text = manifest_to_text(told, targets=True)
    for words in (
        "version    3 (increment since 2), root 1",
        "volume     1 of 4",
        "LAST GOOD CONTENT, less than a minute old; failed: no route",
        "licence GPL",
        "fresh for 3 days",
    ):
        assert words in text
    assert [line.split()[-1] for line in text.splitlines()[-3:]] == ["a/one", "a/two", "b/x"]
    assert "volumes    4" in manifest_to_text(told, targets=False, carried=1)


def test_a_source_of_which_nothing_could_be_had_is_named_with_the_reason() -> None:
    told = replace(PLAIN, absent=(AbsentSource("clam", "clamav", "no route [http.connect]"),))
    assert manifest_to_json(told, targets=False)["absent"] == [
        {"name": "clam", "kind": "clamav", "failure": "no route [http.connect]"}
    ]
    text = manifest_to_text(told, targets=False)
    assert text.endswith("\n\nclam (clamav): NOTHING OF IT IS HERE\n  failed: no route [http.connect]")
