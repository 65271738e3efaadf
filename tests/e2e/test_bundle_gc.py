"""``bundle gc``: what nobody needs goes, and nothing that a site may need, an increment stands on or a source gave."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from manifests.disk.blobs import BlobStore
from tests.support.commands import BIN, run
from tests.support.publisher import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """Five versions of one pattern file and one rule each; two are kept."""
    publisher = Publisher.found(tmp_path / "dmz", "patterns")
    config = publisher.home / "bundler.toml"
    config.write_text("retention_generations = 2\n" + config.read_text())
    for version in range(1, 6):
        make(publisher, version)
    return publisher


def make(publisher: Publisher, version: int) -> None:
    (publisher.content / "patterns" / "p.bin").write_bytes(random.Random(version).randbytes(50_000))
    publisher.create("--full")


def gc(publisher: Publisher, *options: str) -> dict[str, Any]:
    return json.loads(publisher.bundle("gc", *options, "-o", "json").stdout)


def versions(publisher: Publisher) -> list[int]:
    return sorted(int(path.name) for path in (publisher.home / "generations").iterdir())


def blobs(publisher: Publisher) -> dict[str, int]:
    store = BlobStore(publisher.home / "blobs", publisher.home / "tmp")
    return {path.name: path.stat().st_size for path in store.root.rglob("*") if path.is_file()}


def again(publisher: Publisher, version: int, out: Path) -> int:
    return publisher.bundle("create", "--mkdir", "--again", version, "--out", out, check=False).returncode


def register(publisher: Publisher, home: Path, *taken: int) -> None:
    """A site that took these versions, and whose receipt came back."""
    relay = [BIN / "relay", "--home", home]
    if not home.exists():
        run([*relay, "init", "--root", publisher.root])
    for version in taken:
        run([*relay, "import", publisher.out / f"plant-{version:06d}-full.zip"])
    receipt = home.with_suffix(f".{max(taken, default=0)}.receipt")
    run([*relay, "receipt", "--out", receipt])
    keyid = json.loads(receipt.read_bytes())["signatures"][0]["keyid"]
    publisher.bundle("sites", "import", "--fingerprint", keyid, receipt)


def test_the_newest_versions_are_kept_and_can_be_made_again(publisher: Publisher, tmp_path: Path) -> None:
    before = blobs(publisher)
    said = gc(publisher)
    assert said["versions"] == [1, 2, 3]
    assert said["kept_versions"] == [4, 5]
    assert versions(publisher) == [4, 5]
    after = blobs(publisher)
    assert said["blobs"] == len(before) - len(after)
    assert said["length"] == sum(before.values()) - sum(after.values())
    assert said["length"] > 3 * 50_000
    assert (said["kept_blobs"], said["kept_length"]) == (len(after), sum(after.values()))
    assert [again(publisher, version, tmp_path / "again") for version in (3, 4, 5)] == [2, 0, 0]
    for version in (4, 5):
        name = f"plant-{version:06d}-full.zip"
        assert (tmp_path / "again" / name).read_bytes() == (publisher.out / name).read_bytes()


def test_a_dry_run_says_the_same_and_removes_nothing(publisher: Publisher) -> None:
    before = blobs(publisher)
    dry = gc(publisher, "--dry-run")
    assert blobs(publisher) == before
    assert versions(publisher) == [1, 2, 3, 4, 5]
    assert {**gc(publisher), "dry_run": True} == dry


def test_twice_is_as_good_as_once(publisher: Publisher) -> None:
    gc(publisher)
    after = blobs(publisher)
    assert gc(publisher)["blobs"] == 0
    assert blobs(publisher) == after


def test_what_a_site_has_and_may_still_be_sent_is_kept(publisher: Publisher, tmp_path: Path) -> None:
    register(publisher, tmp_path / "north", 2)
    said = gc(publisher)
    assert said["versions"] == [1]
    assert said["kept_versions"] == [2, 3, 4, 5]
    assert [site["versions"] for site in said["sites"]] == [[2, 3]]
    assert [again(publisher, version, tmp_path / "again") for version in (1, 2, 3)] == [2, 0, 0]


def test_for_a_site_that_never_acknowledged_anything_everything_is_kept(publisher: Publisher, tmp_path: Path) -> None:
    """It was registered before its first bundle: whatever is on its way may have to be made again."""
    before = blobs(publisher)
    register(publisher, tmp_path / "north")
    said = gc(publisher)
    assert (said["versions"], said["kept_versions"]) == ([], [1, 2, 3, 4, 5])
    assert blobs(publisher) == before
    publisher.bundle("sites", "remove", json.loads(publisher.bundle("sites", "-o", "json").stdout)[0]["site"])
    assert gc(publisher)["versions"] == [1, 2, 3]


def test_a_newer_receipt_lets_go_what_was_waiting_to_arrive(publisher: Publisher, tmp_path: Path) -> None:
    register(publisher, tmp_path / "north", 1)
    assert gc(publisher)["versions"] == []
    register(publisher, tmp_path / "north", 4)
    said = gc(publisher)
    assert said["versions"] == [2, 3]
    assert said["kept_versions"] == [1, 4, 5]


def test_an_increment_for_a_slow_site_still_finds_its_base_after_gc(publisher: Publisher, tmp_path: Path) -> None:
    register(publisher, tmp_path / "north", 1)
    gc(publisher)
    data = bytearray(random.Random(1).randbytes(50_000))
    data[100:104] = b"here"
    (publisher.content / "patterns" / "p.bin").write_bytes(data)
    bundle = publisher.create()
    assert bundle.name == "plant-000006-since-000001.zip"
    assert bundle.stat().st_size < 20_000


def test_what_was_pulled_and_not_sealed_yet_is_kept(publisher: Publisher) -> None:
    content = random.Random(99).randbytes(70_000)
    (publisher.content / "patterns" / "p.bin").write_bytes(content)
    publisher.bundle("pull")
    gc(publisher)
    assert 70_000 in blobs(publisher).values()
    assert publisher.create("--no-pull", "--full").stat().st_size > 70_000


def test_a_damaged_record_stops_it_before_anything_is_removed(publisher: Publisher) -> None:
    (publisher.home / "generations" / "000005" / "manifest-0001.json").write_text("{}")
    before = blobs(publisher)
    done = publisher.bundle("gc", check=False)
    assert done.returncode == 3
    assert "[history.damaged]" in done.stderr
    assert blobs(publisher) == before
    assert versions(publisher) == [1, 2, 3, 4, 5]


def test_people_read_what_and_how_much(publisher: Publisher) -> None:
    said = publisher.bundle("gc", "--dry-run").stdout.splitlines()
    assert said[0].startswith("would be removed: versions 1, 2, 3; ")
    assert said[1].startswith("kept: versions 4, 5; ")
