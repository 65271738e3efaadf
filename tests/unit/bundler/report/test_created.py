"""What one run wrote, file by file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bundler.jobs.create import CreatedBundles
from bundler.report.created import created_to_json, created_to_text
from bundler.seal.companions import CompanionFile, SealedFile
from manifests.manifest import BlobMember
from tests.support.rule_sets import manifest

OUT = Path("/out")
MANIFEST = manifest(3, {"a/one": b"1", "a/two": b"22"})


def volume(number: int) -> SealedFile:
    """One of two volumes that carries 100 times its number of bytes."""
    blob = BlobMember(f"{number}" * 64, 500, "deflate", "e" * 64, 100 * number)
    told = replace(MANIFEST, volume_index=number, volume_count=2, blobs=(blob,))
    path = OUT / f"{number}.zip"
    return SealedFile(path, path.with_suffix(".part"), 1_000 * number, f"{number}" * 64, told)


CREATED = CreatedBundles(
    (volume(1), volume(2)),
    (
        CompanionFile("slip", OUT / "slip.html", 70, "a" * 64),
        CompanionFile("slip", OUT / "slip.txt", 20, "b" * 64),
        CompanionFile("recovery", OUT / "1.zip.par", 10, "c" * 64),
    ),
    unchanged=("a",),
)


def test_json_counts_the_content_of_all_volumes_and_names_each_file_once() -> None:
    said = created_to_json(CREATED)
    assert (said["file"], said["length"], said["sha256"]) == ("/out/1.zip", 1_000, "1" * 64)
    assert said["files"] == [
        {"file": "/out/1.zip", "length": 1_000, "sha256": "1" * 64},
        {"file": "/out/2.zip", "length": 2_000, "sha256": "2" * 64},
    ]
    assert [(row["kind"], row["file"]) for row in said["beside"]] == [
        ("slip", "/out/slip.html"),
        ("slip", "/out/slip.txt"),
        ("recovery", "/out/1.zip.par"),
    ]
    assert (said["carried_bytes"], said["total_bytes"], said["unchanged"]) == (300, 3_100, ["a"])


def test_text_gives_each_file_that_is_copied_its_digest_and_ends_with_the_sum() -> None:
    lines = created_to_text(CREATED).splitlines()
    assert "unchanged since the last pull: a" in lines
    at = lines.index("/out/2.zip")
    assert lines[at : at + 3] == ["/out/2.zip", "2,000 bytes", "sha256 " + "2" * 64]
    at = lines.index("/out/1.zip.par")
    assert lines[at : at + 3] == ["/out/1.zip.par", "10 bytes of recovery data", "sha256 " + "c" * 64]
    assert lines[lines.index("/out/slip.html") + 1] == "70 bytes, the slip to print"
    assert lines[lines.index("/out/slip.txt") + 1] == "20 bytes, the slip as text"
    assert lines[-1].startswith("5 files, 3,100 bytes (")


def test_a_single_bundle_has_nothing_beside_it_and_nothing_unchanged() -> None:
    alone = CreatedBundles((volume(1),))
    said = created_to_json(alone)
    assert (said["beside"], said["unchanged"], said["total_bytes"]) == ([], [], 1_000)
    assert "unchanged since the last pull" not in created_to_text(alone)
