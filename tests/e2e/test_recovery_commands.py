"""``bundle create --recovery 5%`` on FAT sticks: below the rate nothing is asked, above it nothing is lost."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from manifests.bundle.claimed import claimed_manifest
from manifests.bundle.opening import open_bundle
from manifests.container import read_directory
from manifests.manifest import Manifest
from manifests.recovery import side_name
from relay.home import Home
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from tests.support.commands import BIN, run, wait_for
from tests.support.damage import PAGE, Pattern, fat_clusters, pages_of, spoil_pages
from tests.support.media import fat_image, squashfs_disc
from tests.support.publisher import Publisher
from tests.support.relay_service import QUICK, serving

pytestmark = pytest.mark.needs("root", "fusefat", "mkfs.vfat", "mcopy", "mshowfat", "mksquashfs")

INCOMPLETE = 24


@dataclass(frozen=True)
class Goods:
    """A bundle with 5 % of recovery data, and where each of its blobs stands in it."""

    publisher: Publisher
    bundle: Path

    @property
    def side(self) -> Path:
        return self.bundle.with_name(side_name(self.bundle.name))

    def content(self) -> dict[str, bytes]:
        root = self.publisher.content
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def blob_pages(self) -> dict[str, set[int]]:
        """Return the pages of the file that each blob's bytes touch: one whose header alone is lost is not lost."""
        with self.bundle.open("rb") as file:
            members = read_directory(file)
        touched = {}
        for member in members:
            if member.name.startswith("blobs/"):
                last = (member.data_offset + member.stored_length - 1) // PAGE
                touched[member.name.removeprefix("blobs/")] = set(range(member.data_offset // PAGE, last + 1))
        return touched

    def front_pages(self) -> int:
        """Return how many pages the manifest, its signature, the documents and the first blob's header are in."""
        return min(min(pages) for pages in self.blob_pages().values()) + 1


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory) -> Goods:
    publisher = Publisher.found(tmp_path_factory.mktemp("dmz"), "patterns", "rules")
    dice = random.Random(9)
    for number in range(30):
        (publisher.content / "rules" / f"{number}.rules").write_text(f"alert {number}\n" * dice.randrange(2000))
    for number in range(12):
        (publisher.content / "patterns" / f"{number}.ptn").write_bytes(dice.randbytes(dice.randrange(400_000)))
    done = publisher.bundle("create", "--out", publisher.out, "--recovery", "5%", "-o", "json")
    return Goods(publisher, Path(json.loads(done.stdout)["file"]))


@dataclass
class Site:
    """A relay that trusts the publisher, by its commands."""

    base: Path
    publisher: Publisher
    home: Home = field(init=False)

    def __post_init__(self) -> None:
        self.home = Home(self.base / "relay")
        self.relay("init", "--root", self.publisher.root)

    def configure(self, *inboxes: Path, dispose: str = "delete") -> None:
        tables = "".join(
            f'\n[[inbox]]\npath = "{path}"\ndispose = "{dispose}"\n{QUICK}' for path in (self.home.inbox, *inboxes)
        )
        text = f'connectivity = "isolated"\n[serve]\nlisten = "127.0.0.1:0"\n{tables}'
        self.home.config_file.write_text(text, "utf-8")

    def relay(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run([BIN / "relay", "--home", self.home.path, "--quiet", *arguments], check=check)

    def receipt(self, name: str = "north") -> Path:
        """Write a receipt, and let the publisher believe this site."""
        path = self.base / f"{name}.receipt.json"
        self.relay("receipt", "--out", path, "--name", name)
        keyid = json.loads(path.read_bytes())["signatures"][0]["keyid"]
        self.publisher.bundle("sites", "import", "--fingerprint", keyid, path)
        return path

    def stored(self) -> set[str]:
        return {path.name for path in (self.home.path / "blobs").rglob("*") if path.is_file()}

    def served(self) -> dict[str, bytes]:
        with State(self.home.database) as state:
            rows = list(state.publications.list_files(DEFAULT_RING))
        return {path: self.home.store.path(blob.sha256).read_bytes() for path, blob, _ in rows}

    def events(self) -> str:
        return self.relay("events").stdout


@pytest.fixture
def site(goods: Goods, tmp_path: Path) -> Site:
    return Site(tmp_path, goods.publisher)


@dataclass(frozen=True)
class Stick:
    """A FAT32 image, clusters of one page, that holds the bundle and its recovery data."""

    goods: Goods
    image: Path
    mount_point: Path

    def clusters(self, *names: str) -> list[int]:
        return [offset for name in names for offset in fat_clusters(self.image, name)]

    def spoil(self, clusters: list[int], *, seed: int = 0, kind: str = "noise") -> None:
        dice, pattern = random.Random(seed), Pattern(0, 1, kind)
        with self.image.open("r+b") as file:
            for offset in clusters:
                file.seek(offset)
                page = file.read(PAGE)
                file.seek(offset)
                file.write(pattern.spoil(dice, page))


@pytest.fixture
def stick(goods: Goods, tmp_path: Path) -> Stick:
    image, mount_point = tmp_path / "stick.img", tmp_path / "stick"
    mount_point.mkdir()
    with image.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    run(["mkfs.vfat", "-F", "32", "-s", "8", image])
    for path in (goods.bundle, goods.side):
        run(["mcopy", "-i", image, path, f"::{path.name}"])
    return Stick(goods, image, mount_point)


def spoil_below_the_rate(stick: Stick, seed: int) -> None:
    """Damage 4 % of the clusters, but not the bundle's end: without that an inbox waits for the rest of a copy."""
    clusters = stick.clusters(stick.goods.bundle.name)[:-1] + stick.clusters(stick.goods.side.name)
    stick.spoil(random.Random(seed).sample(clusters, len(clusters) // 25), seed=seed)


@pytest.mark.parametrize("seed", [1, 2])
def test_below_the_rate_relay_import_takes_the_stick_and_tells(site: Site, stick: Stick, seed: int) -> None:
    spoil_below_the_rate(stick, seed)
    stick.spoil(stick.clusters(stick.goods.bundle.name)[-1:])
    with fat_image(stick.mount_point, stick.image):
        done = site.relay("import", stick.mount_point)
    assert "The medium is damaged: " in done.stdout
    assert f"blocks from {stick.goods.side.name}; use another one for the next bundle" in done.stdout
    assert site.served() == stick.goods.content()
    assert "medium-damaged" in site.relay("events", "-o", "json").stdout
    assert list((site.home.path / "tmp").iterdir()) == []


def test_below_the_rate_the_service_takes_the_stick_tells_and_clears_both_files(site: Site, stick: Stick) -> None:
    spoil_below_the_rate(stick, 3)
    site.configure(stick.mount_point)
    with serving(site) as service, fat_image(stick.mount_point, stick.image):
        event = service.until("imported")
        assert "blocks from" in event["text"]
        assert event["file"] == "deleted"
        wait_for(lambda: not list(stick.mount_point.iterdir()), seconds=10, what="an empty stick")
    assert service.count("refused") == service.count("incomplete") == 0
    assert site.served() == stick.goods.content()


def lost_blobs(goods: Goods, pages: set[int]) -> set[str]:
    """Return the digests of the blobs of which at least one page is spoilt."""
    return {digest for digest, touched in goods.blob_pages().items() if touched & pages}


def manifest_of(path: Path) -> Manifest:
    with open_bundle(path) as file:
        return claimed_manifest(file)


def check_minimal(site: Site, goods: Goods, lost: set[str], name: str) -> None:
    """The site has every other blob; the next increment carries exactly the lost ones, and makes the site whole."""
    everything = set(goods.blob_pages())
    assert site.stored() == everything - lost
    done = goods.publisher.bundle(
        "create", "--mkdir", "--out", site.base / "out", "--since", site.receipt(name), "--no-pull", "-o", "json"
    )
    increment = Path(json.loads(done.stdout)["file"])
    assert {blob.sha256 for blob in manifest_of(increment).blobs} == lost
    assert manifest_of(increment).patches == ()
    site.relay("import", increment)
    assert site.served() == goods.content()
    assert site.stored() == everything


def pages_above_the_rate(goods: Goods, seed: int) -> set[int]:
    """Return pages behind the front, more than 5 % can rebuild: scattered, or in runs."""
    dice = random.Random(seed)
    total = len(pages_of(goods.bundle.stat().st_size))
    pattern = Pattern(dice.uniform(0.13, 0.5), dice.choice((1, 5, 40, 1000)), "noise")
    front = goods.front_pages()
    return {front + page for page in pattern.pages(dice, total - front)}


def check_above_the_rate(goods: Goods, base: Path, seed: int) -> None:
    base.mkdir()
    site, pages = Site(base, goods.publisher), pages_above_the_rate(goods, seed)
    for path in (goods.bundle, goods.side):
        shutil.copyfile(path, base / path.name)
    spoil_pages(base / goods.bundle.name, pages, seed=seed)
    done = site.relay("import", base / goods.bundle.name, check=False)
    lost = lost_blobs(goods, pages)
    assert done.returncode == INCOMPLETE, done.stderr
    assert ("[recovery.too-damaged]" if len(lost) == len(goods.blob_pages()) else "[bundle.damaged]") in done.stderr
    if "[bundle.damaged]" in done.stderr:
        check_minimal(site, goods, lost, f"site-{seed}")


@pytest.mark.parametrize("seed", range(3))
def test_above_the_rate_no_undamaged_blob_is_lost_and_the_next_increment_is_minimal(
    goods: Goods, tmp_path: Path, seed: int
) -> None:
    check_above_the_rate(goods, tmp_path / "site", seed)


@pytest.mark.long
def test_above_the_rate_nothing_undamaged_is_lost_in_a_hundred_patterns(goods: Goods, tmp_path: Path) -> None:
    for seed in range(100, 200):
        check_above_the_rate(goods, tmp_path / str(seed), seed)
        shutil.rmtree(tmp_path / str(seed))


def test_above_the_rate_the_service_keeps_what_it_can_and_says_what_to_type(site: Site, stick: Stick) -> None:
    goods = stick.goods
    pages = set(sorted(set.union(*goods.blob_pages().values()))[10:80])
    clusters = stick.clusters(goods.bundle.name)
    stick.spoil([clusters[page] for page in sorted(pages)])
    site.configure(stick.mount_point)
    with serving(site) as service, fat_image(stick.mount_point, stick.image):
        event = service.until("incomplete")
        assert event["code"] == "bundle.damaged"
        assert "relay receipt, and with it in the DMZ: bundle create --since RECEIPT" in event["text"]
        assert {path.name for path in stick.mount_point.iterdir()} == {goods.bundle.name, goods.side.name}
    check_minimal(site, goods, lost_blobs(goods, pages), "service")


def test_every_volume_is_repaired_from_its_own_side_file_in_any_order(goods: Goods, tmp_path: Path) -> None:
    """Two sticks' worth, each damaged; a third volume beyond repair comes as the rest."""
    publisher = Publisher(goods.publisher.home, goods.publisher.content, tmp_path / "out", goods.publisher.root)
    done = publisher.bundle(
        "create",
        "--mkdir",
        "--out",
        publisher.out,
        "--full",
        "--no-pull",
        "--recovery",
        "5%",
        "--volume-size",
        "900KB",
        "-o",
        "json",
    )
    paths = [Path(file["file"]) for file in json.loads(done.stdout)["files"]]
    version = publisher.version()
    assert len(paths) == 3
    assert all(path.with_name(side_name(path.name)).is_file() for path in paths)
    site = Site(tmp_path, publisher)
    for number, path in enumerate(paths):
        total = len(pages_of(path.stat().st_size))
        lost = total // 25 if number else total // 3
        spoil_pages(path, random.Random(number).sample(range(0 if number else total // 2, total), lost), seed=number)
    done = site.relay("import", publisher.out, check=False)
    assert done.returncode == INCOMPLETE
    assert done.stdout.count("blocks from") == 2
    assert f"import {paths[0].name} from an undamaged copy (in the DMZ: bundle create --again {version})" in done.stderr
    rest = publisher.create("--since", site.receipt("volumes"), "--no-pull")
    assert 0 < sum(blob.length for blob in manifest_of(rest).blobs) < 900_000
    site.relay("import", rest)
    assert site.served() == goods.content()


def test_a_damaged_bundle_that_nobody_needs_any_more_leaves_the_inbox_for_quarantine(site: Site, goods: Goods) -> None:
    site.configure()
    pages = set(range(100, 200))
    bundle = damaged(goods, site.base / "bad.zip", pages)
    with serving(site) as service:
        shutil.copyfile(goods.side, site.home.inbox / "update.zip.par2")
        shutil.copyfile(bundle, site.home.inbox / "update.zip")
        assert service.until("incomplete")["code"] == "bundle.damaged"
        check_minimal(site, goods, lost_blobs(goods, pages), "inbox")
        event = service.until("refused")
        assert event["code"] == "tuf.rollback.timestamp"
        assert event["file"] == "deleted"
    assert list(site.home.inbox.iterdir()) == []


# side files by themselves, strange ones, late ones


def damaged(goods: Goods, path: Path, pages: set[int]) -> Path:
    shutil.copyfile(goods.bundle, path)
    spoil_pages(path, pages)
    return path


def test_a_side_file_alone_is_left_alone(site: Site, goods: Goods) -> None:
    site.configure()
    shutil.copyfile(goods.side, site.home.inbox / goods.side.name)
    with serving(site) as service:
        shutil.copyfile(goods.bundle, site.home.inbox / "other.zip")
        service.until("imported")
    assert [path.name for path in site.home.inbox.iterdir()] == [goods.side.name]
    done = site.relay("import", goods.side, check=False)
    assert done.returncode == 21


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_side_file_serves_its_bundle_whichever_comes_first(site: Site, goods: Goods, order: str) -> None:
    site.configure()
    bundle = damaged(goods, site.base / "bad.zip", {0, 90})
    files = [(bundle, "update.zip"), (goods.side, "update.zip.par2")]
    with serving(site) as service:
        for source, name in files if order == "after" else files[::-1]:
            shutil.copyfile(source, site.home.inbox / name)
        assert "blocks from" in service.until("imported")["text"]
        wait_for(lambda: not list(site.home.inbox.iterdir()), seconds=10, what="an empty inbox")
        assert service.count("refused") == 0
    assert site.served() == goods.content()


def test_a_side_file_that_comes_after_its_bundle_is_done_with_goes_the_same_way(site: Site, goods: Goods) -> None:
    site.configure(dispose="archive")
    with serving(site) as service:
        shutil.copyfile(goods.bundle, site.home.inbox / "update.zip")
        service.until("imported")
        shutil.copyfile(goods.side, site.home.inbox / "UPDATE.ZIP.PAR2")
        archive = site.home.inbox / "imported"
        wait_for(lambda: (archive / "UPDATE.ZIP.PAR2").exists(), seconds=20, what="the side file in the archive")
    assert {path.name for path in archive.iterdir()} == {"update.zip", "UPDATE.ZIP.PAR2"}


def test_a_damaged_bundle_is_tried_again_as_soon_as_its_side_file_has_come(site: Site, goods: Goods) -> None:
    site.configure()
    bundle = damaged(goods, site.base / "bad.zip", {200, 201})
    with serving(site) as service:
        shutil.copyfile(bundle, site.home.inbox / "update.zip")
        assert service.until("incomplete")["code"] == "bundle.damaged"
        shutil.copyfile(goods.side, site.home.inbox / "update.zip.par2")
        assert "2 of " in service.until("imported")["text"]
    assert site.served() == goods.content()


def foreign(goods: Goods, path: Path) -> None:
    """Recovery data of another file of the same length."""
    other = path.with_name("other.bin")
    other.write_bytes(random.Random(1).randbytes(goods.bundle.stat().st_size))
    make_side(other, path)


def forged(goods: Goods, path: Path) -> None:
    """Recovery data that leads to the bundle with content of somebody else's in it."""
    other = path.with_name("other.bin")
    other.write_bytes(goods.bundle.read_bytes())
    with other.open("r+b") as file:
        file.seek(199 * PAGE)
        file.write(b"somebody else's" * 800)
    make_side(other, path)


def random_bytes(_: Goods, path: Path) -> None:
    path.write_bytes(random.Random(2).randbytes(100_000))


def make_side(file: Path, path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bundler.seal.recovery import write_recovery; "
        "from manifests.progress import NoProgress; "
        "write_recovery(Path(sys.argv[1]), 5.0, NoProgress(), workspace=Path(sys.argv[3]), out=Path(sys.argv[2]))"
    )
    run([BIN / "python", "-c", code, file, path, path.with_name("work")], cwd=Path(__file__).parents[2])
    file.unlink()


@pytest.mark.parametrize("make", [foreign, forged, random_bytes])
def test_a_strange_side_file_changes_nothing_of_what_happens_to_a_damaged_bundle(
    site: Site, goods: Goods, make: object
) -> None:
    pages = {200, 201}
    bundle = damaged(goods, site.base / "update.zip", pages)
    make(goods, site.base / "update.zip.par2")
    before = (site.base / "update.zip.par2").read_bytes()
    done = site.relay("import", bundle, check=False)
    assert done.returncode == INCOMPLETE
    assert "[bundle.damaged]" in done.stderr
    assert (site.base / "update.zip.par2").read_bytes() == before
    assert list((site.home.path / "tmp").iterdir()) == []
    check_minimal(site, goods, lost_blobs(goods, pages), f"strange-{make.__name__.replace('_', '-')}")


def test_a_damaged_side_file_beside_a_whole_bundle_is_never_looked_at(site: Site, stick: Stick) -> None:
    stick.spoil(stick.clusters(stick.goods.side.name))
    with fat_image(stick.mount_point, stick.image):
        done = site.relay("import", stick.mount_point)
    assert "damaged" not in done.stdout + done.stderr
    assert site.served() == stick.goods.content()


@pytest.fixture
def protected(goods: Goods, tmp_path: Path) -> Iterator[Path]:
    """A write-protected medium with a damaged bundle and its recovery data."""
    mount_point, files = tmp_path / "disc", tmp_path / "files"
    mount_point.mkdir()
    files.mkdir()
    shutil.copyfile(goods.side, files / "update.zip.par2")
    damaged(goods, files / "update.zip", {1, 100, 101})
    with squashfs_disc(mount_point, sorted(files.iterdir())):
        yield mount_point


def test_a_write_protected_medium_is_repaired_from_and_left_as_it_is(site: Site, protected: Path) -> None:
    site.configure(protected)
    with serving(site) as service:
        event = service.until("imported")
        assert "3 of " in event["text"]
        assert event["file"] == "kept"
    assert {path.name for path in protected.iterdir()} == {"update.zip", "update.zip.par2"}
