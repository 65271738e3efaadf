"""Volumes: each is a bundle by itself, none is larger than asked for, rules come first, all or none are made."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from pathlib import Path

import pytest

from manifests.bundle import verify as bundle
from manifests.bundle.claimed import claimed_manifest
from manifests.bundle.opening import open_bundle
from manifests.clock import system_clock
from manifests.disk.blobs import BlobStore
from manifests.manifest import Manifest
from manifests.trust import trusted_root
from tests.support.commands import BIN, clean_environment, run
from tests.support.publisher import Publisher

SIZE = 300_000
BIG = 1_000_000


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher.found(tmp_path / "dmz", "patterns", "rules")
    dice = random.Random(7)
    for number in range(30):
        text = "".join(f"alert tcp any any -> any {dice.randrange(65536)} (sid:{sid};)\n" for sid in range(100))
        (publisher.content / "rules" / f"{number}.rules").write_text(text)
    for number in range(6):
        (publisher.content / "patterns" / f"{number}.bin").write_bytes(dice.randbytes(100_000))
    (publisher.content / "patterns" / "big.bin").write_bytes(dice.randbytes(BIG))
    return publisher


def create(publisher: Publisher, *options: object) -> list[Path]:
    done = publisher.bundle("create", "--out", publisher.out, "--volume-size", SIZE, *options, "-o", "json")
    return [Path(file["file"]) for file in json.loads(done.stdout)["files"]]


def manifest_of(path: Path) -> Manifest:
    with open_bundle(path) as file:
        return claimed_manifest(file)


def test_no_volume_is_larger_than_asked_for_and_few_are_much_smaller(publisher: Publisher) -> None:
    files = create(publisher)
    count = len(files)
    assert [file.name for file in files] == [f"plant-000001-full-v{k}-of-{count}.zip" for k in range(1, count + 1)]
    lengths = [file.stat().st_size for file in files]
    assert max(lengths) <= SIZE
    assert sum(lengths[:-1]) > 0.75 * SIZE * (count - 1)


def test_each_volume_is_verified_by_itself_in_any_order(publisher: Publisher) -> None:
    files = create(publisher)
    for file in random.Random(1).sample(files, len(files)):
        publisher.bundle("verify", "--root", publisher.root, file)


def test_the_volumes_together_carry_everything_once_and_parts_join_to_their_target(publisher: Publisher) -> None:
    root = trusted_root(publisher.root.read_bytes())
    content: dict[str, bytes] = {}
    for path in create(publisher):
        with open_bundle(path) as file:
            verified = bundle.verify_bundle(file, root, system_clock())
            manifest = verified.manifest
            for blob in manifest.blobs:
                assert blob.sha256 not in content
                content[blob.sha256] = b"".join(verified.content(blob))
    (parted,) = manifest.parted
    content[parted.sha256] = b"".join(content[part.sha256] for part in parted.parts)
    for target in manifest.targets:
        assert content[target.sha256] == (publisher.content / target.path).read_bytes()
        assert target.arrives == ("parts" if target.path == "patterns/big.bin" else "blob")


def test_all_volumes_say_the_same_of_targets_parts_and_documents(publisher: Publisher) -> None:
    manifests = [manifest_of(path) for path in create(publisher)]
    assert len({(m.targets, m.parted, m.documents, m.sources, m.volume_count) for m in manifests}) == 1
    assert [m.volume_index for m in manifests] == list(range(1, len(manifests) + 1))


def test_the_first_volume_carries_all_rules(publisher: Publisher) -> None:
    first = manifest_of(create(publisher)[0])
    rules = {target.sha256 for target in first.targets if target.path.startswith("rules/")}
    assert rules <= {blob.sha256 for blob in first.blobs}
    assert {blob.sha256 for blob in first.blobs[: len(rules)]} == rules


def test_volumes_are_made_again_bit_for_bit(publisher: Publisher, tmp_path: Path) -> None:
    files = create(publisher)
    publisher.create("--full")
    publisher.bundle("create", "--mkdir", "--again", 1, "--out", tmp_path / "again")
    made = sorted((tmp_path / "again").iterdir())
    assert [path.name for path in made] == sorted(path.name for path in publisher.out.glob("plant-000001-*"))
    assert {path.name for path in files} < {path.name for path in made}
    assert all((publisher.out / path.name).read_bytes() == path.read_bytes() for path in made)


def test_an_increment_comes_in_volumes_too(publisher: Publisher) -> None:
    create(publisher)
    (publisher.content / "patterns" / "new.bin").write_bytes(random.Random(8).randbytes(500_000))
    files = create(publisher, "--since", "last")
    assert [file.name for file in files] == [f"plant-000002-since-000001-v{k}-of-2.zip" for k in (1, 2)]
    assert max(file.stat().st_size for file in files) <= SIZE


def test_content_that_fits_is_one_bundle_without_a_number(publisher: Publisher) -> None:
    (publisher.content / "patterns" / "big.bin").unlink()
    done = publisher.bundle("create", "--out", publisher.out, "--volume-size", "cd", "-o", "json")
    assert Path(json.loads(done.stdout)["file"]).name == "plant-000001-full.zip"


@pytest.mark.parametrize("size", ["20KB", "floppy", "0"])
def test_a_size_that_is_too_small_or_none_is_refused_and_nothing_changes(publisher: Publisher, size: str) -> None:
    done = publisher.bundle("create", "--out", publisher.out, "--volume-size", size, check=False)
    assert done.returncode == 2
    assert "[create.volume-size]" in done.stderr
    assert publisher.version() == 0
    assert list(publisher.out.iterdir()) == []


def test_one_name_that_is_taken_stops_all_volumes(publisher: Publisher) -> None:
    count = len(create(publisher))
    taken = publisher.out / f"plant-000002-full-v2-of-{count}.zip"
    taken.write_bytes(b"somebody's")
    done = publisher.bundle("create", "--out", publisher.out, "--volume-size", SIZE, check=False)
    assert done.returncode == 2
    assert "[create.exists]" in done.stderr
    assert publisher.version() == 1
    assert [path.name for path in publisher.out.iterdir() if "000002" in path.name] == [taken.name]


def test_two_parts_with_one_content_are_carried_once(publisher: Publisher) -> None:
    (publisher.content / "patterns" / "big.bin").write_bytes(b"")
    dice = random.Random(3)
    part = dice.randbytes(1024) * 4096  # alike wherever it is cut, and no text
    (publisher.content / "patterns" / "same.bin").write_bytes(part)
    digests = [blob.sha256 for path in create(publisher) for blob in manifest_of(path).blobs]
    assert len(digests) == len(set(digests))


def crash_at(publisher: Publisher, call: str, number: int) -> bool:
    """Kill ``bundle create`` at its n-th call of a kind; tell whether it came that far."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    command += ["-e", f"inject={call}:signal=KILL:when={number}", BIN / "bundle", "--home", publisher.home, "--quiet"]
    command += ["create", "--out", publisher.out, "--volume-size", SIZE]
    done = subprocess.run([str(part) for part in command], env=clean_environment(), capture_output=True, timeout=300)
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("stride", [13, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("call", ["fsync", "rename", "unlink"])
def test_a_crash_leaves_all_volumes_or_none(publisher: Publisher, call: str, stride: int) -> None:
    create(publisher)
    version, number = 1, 1
    while crash_at(publisher, call, number):
        publisher.create("--full", "--no-pull", "--volume-size", SIZE)
        after = publisher.version()
        assert after in (version + 1, version + 2)
        assert not list(publisher.out.glob(".*"))
        for done in range(version + 1, after + 1):
            files = sorted(publisher.out.glob(f"plant-{done:06d}-*.zip"))
            assert len(files) == manifest_of(files[0]).volume_count
            assert (publisher.home / "generations" / f"{done:06d}" / "order.json").exists()
        version = after
        number += stride
    assert number > 1
    kept = sorted(path.name for path in (publisher.home / "generations").iterdir())
    assert kept[0] == "000001"
    assert kept[-1] == f"{publisher.version():06d}"


def test_the_store_is_untouched_by_volumes(publisher: Publisher) -> None:
    """Parts are read out of their target; the store gains nothing but the documents."""
    publisher.bundle("pull")
    store = BlobStore(publisher.home / "blobs", publisher.home / "tmp")
    before = {path.name for path in store.root.rglob("*") if path.is_file()}
    documents = {document.sha256 for document in manifest_of(create(publisher)[0]).documents}
    after = {path.name for path in store.root.rglob("*") if path.is_file()}
    assert after == before | documents
    assert list(store.temporary.iterdir()) == []


def test_ordinary_unzip_tools_open_every_volume(publisher: Publisher) -> None:
    for path in create(publisher):
        assert "No errors detected" in run(["unzip", "-t", path]).stdout
