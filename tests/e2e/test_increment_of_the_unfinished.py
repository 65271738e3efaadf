"""A generation that never became whole: the next increment carries what is missing of it, parts included."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path

import pytest

from manifests.bundle.claimed import claimed_manifest
from manifests.bundle.opening import open_bundle
from manifests.manifest import Manifest
from manifests.receipt import Receipt, verify_receipt
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from tests.support.commands import BIN, run
from tests.support.publisher import Publisher
from tests.support.relay_homes import Home

SIZE = 500_000
LARGE = 1_100_000


class Site:
    """A relay that the publisher knows, by its commands."""

    def __init__(self, publisher: Publisher, path: Path) -> None:
        self.publisher = publisher
        self.home = Home(path)
        self.relay("init", "--root", publisher.root)
        self.receipts = 0

    def relay(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run([BIN / "relay", "--home", self.home.path, "--quiet", *arguments], check=check)

    def receipt(self) -> Path:
        """Write a receipt that the publisher believes."""
        self.receipts += 1
        path = self.home.path.with_name(f"{self.home.path.name}-{self.receipts}.receipt.json")
        self.relay("receipt", "--out", path, "--name", self.home.path.name)
        keyid = json.loads(path.read_bytes())["signatures"][0]["keyid"]
        self.publisher.bundle("sites", "import", "--fingerprint", keyid, path)
        return path

    def served(self) -> dict[str, bytes]:
        with State(self.home.database) as state:
            rows = list(state.publications.list_files(DEFAULT_RING))
        return {path: self.home.store.path(blob.sha256).read_bytes() for path, blob, _ in rows}


def manifest_of(path: Path) -> Manifest:
    with open_bundle(path) as file:
        return claimed_manifest(file)


def carried(*paths: Path) -> int:
    """Return how many bytes of content bundles carry."""
    return sum(blob.length for path in paths for blob in manifest_of(path).blobs)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def create(publisher: Publisher, *options: object) -> list[Path]:
    done = publisher.bundle("create", "--out", publisher.out, *options, "-o", "json")
    return [Path(file["file"]) for file in json.loads(done.stdout)["files"]]


def content(publisher: Publisher) -> dict[str, bytes]:
    found = (path for path in publisher.content.rglob("*") if path.is_file())
    return {path.relative_to(publisher.content).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher.found(tmp_path / "dmz", "patterns", "rules")
    dice = random.Random(11)
    for number in range(10):
        (publisher.content / "rules" / f"{number}.rules").write_text(f"alert {number}\n" * 300)
    (publisher.content / "patterns" / "large.ptn").write_bytes(dice.randbytes(LARGE))
    (publisher.content / "patterns" / "small.ptn").write_bytes(dice.randbytes(120_000))
    return publisher


@pytest.fixture
def volumes(publisher: Publisher) -> list[Path]:
    """Three volumes, over which the large target is spread."""
    made = create(publisher, "--volume-size", SIZE)
    assert len(made) == 3
    (parted,) = manifest_of(made[0]).parted
    assert (parted.length, len(parted.parts)) == (LARGE, 3)
    return made


@pytest.fixture
def site(publisher: Publisher, tmp_path: Path) -> Site:
    return Site(publisher, tmp_path / "north")


def receipt_of(path: Path) -> Receipt:
    return verify_receipt(path.read_bytes()).receipt


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_after_a_lost_volume_the_next_increment_carries_just_what_was_in_it(
    publisher: Publisher, site: Site, volumes: list[Path], lost: int
) -> None:
    missing = volumes.pop(lost - 1)
    for path in volumes[::-1]:
        assert site.relay("import", path, check=False).returncode == 24
    receipt = site.receipt()
    said = receipt_of(receipt)
    large = publisher.content / "patterns" / "large.ptn"
    assert (said.pending_generation, said.generations) == (1, ())
    ((parted, ranges),) = said.pending_parts
    assert parted == digest(large.read_bytes())
    (increment,) = create(publisher, "--since", receipt, "--no-pull")
    assert increment.name == "plant-000002-since-000001.zip"
    assert carried(increment) == carried(missing)
    manifest = manifest_of(increment)
    held = {part for one in manifest.parted for part in one.parts if part.held}
    assert sum(part.length for part in held) == sum(behind - first for first, behind in ranges)
    whole = {blob.sha256 for blob in manifest_of(missing).blobs} & {target.sha256 for target in manifest.targets}
    assert {blob.sha256 for blob in manifest.blobs} & {target.sha256 for target in manifest.targets} == whole
    publisher.bundle("verify", "--root", publisher.root, increment)
    site.relay("import", increment)
    assert site.served() == content(publisher)
    status = json.loads(site.relay("status", "-o", "json").stdout)
    assert (status["generation"], status["pending"]) == (2, [])
    assert list((site.home.path / "tmp").iterdir()) == []
    assert receipt_of(site.receipt()).pending_parts == ()


def test_the_rest_itself_comes_in_volumes_in_any_order_and_can_be_made_again(
    publisher: Publisher, site: Site, volumes: list[Path], tmp_path: Path
) -> None:
    site.relay("import", volumes[0], check=False)
    (publisher.content / "rules" / "new.rules").write_text("alert new\n" * 100)
    made = create(publisher, "--since", site.receipt(), "--volume-size", 300_000)
    assert len(made) > 2
    assert max(path.stat().st_size for path in made) <= 300_000
    assert carried(*made) == carried(*volumes[1:]) + 1000
    for path in made[:0:-1]:
        assert site.relay("import", path, check=False).returncode == 24
    site.relay("import", made[0])
    assert site.served() == content(publisher)
    publisher.bundle("create", "--mkdir", "--again", 2, "--out", tmp_path / "again")
    assert all((tmp_path / "again" / path.name).read_bytes() == path.read_bytes() for path in made)


def test_a_site_that_lacks_a_part_taken_for_held_says_what_it_needs_and_keeps_what_it_has(
    publisher: Publisher, site: Site, volumes: list[Path], tmp_path: Path
) -> None:
    other = Site(publisher, tmp_path / "south")
    site.relay("import", volumes[0], check=False)
    (increment,) = create(publisher, "--since", site.receipt(), "--no-pull")
    done = other.relay("import", increment, check=False)
    assert done.returncode == 24
    assert "Do: in the DMZ: bundle create --full. [base.missing]" in done.stderr
    assert other.served() == {}


def test_a_bundle_for_two_sites_holds_what_either_lacks(
    publisher: Publisher, site: Site, volumes: list[Path], tmp_path: Path
) -> None:
    other = Site(publisher, tmp_path / "south")
    for one, lost in ((site, 1), (other, 2)):
        for path in volumes:
            if path != volumes[lost]:
                assert one.relay("import", path, check=False).returncode == 24
        one.receipt()
    (increment,) = create(publisher, "--no-pull")
    assert carried(increment) == carried(volumes[1], volumes[2])
    for one in (site, other):
        one.relay("import", increment)
        assert one.served() == content(publisher)


def test_where_the_whole_is_smaller_than_the_rest_the_whole_is_carried(
    publisher: Publisher, site: Site, tmp_path: Path
) -> None:
    """Text is carried deflated; its parts are not."""
    dice = random.Random(2)
    text = "".join(f"alert tcp any any -> any {dice.randrange(9)} (sid:{sid};)\n" for sid in range(200_000)).encode()
    (publisher.content / "rules" / "all.rules").write_bytes(text)
    volumes = create(publisher, "--volume-size", 600_000)
    assert digest(text) in {parted.sha256 for parted in manifest_of(volumes[0]).parted}
    for path in volumes[:4]:
        site.relay("import", path, check=False)
    (increment,) = create(publisher, "--since", site.receipt(), "--no-pull")
    assert digest(text) in {blob.sha256 for blob in manifest_of(increment).blobs if blob.method == "deflate"}
    site.relay("import", increment)
    assert site.served() == content(publisher)
