"""Bundles with recovery data on media that lose pages: FAT sticks with bad clusters, reads that fail."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler.seal.recovery import write_recovery
from manifests import recovery
from manifests.errors import IncompleteError
from manifests.progress import CancelToken, NoProgress
from relay.home import Home
from relay.importing import recovery as repair
from tests.support.commands import BIN, run
from tests.support.damage import PAGE, Pattern, fat_clusters, pages_of, spoil_pages
from tests.support.media import fat_image
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_home

pytestmark = pytest.mark.needs("mkfs.vfat", "mcopy", "strace")

QUIET = NoProgress()
RATE = 5.0
BUNDLE, SIDE = "forge-000001-full.zip", "forge-000001-full.zip.par2"
_ATTEMPT = """
import json, sys
from pathlib import Path
from manifests.progress import CancelToken, NoProgress
from manifests.errors import SealiftError
from relay.importing import recovery as repair
try:
    found = repair.repair_bundle(Path(sys.argv[1]), Path(sys.argv[2]), NoProgress(), CancelToken())
except SealiftError as error:
    print(json.dumps(error.to_json()))
else:
    print(json.dumps(found and [str(found.path), found.damaged_blocks, found.unreadable_bytes, found.text]))
"""


@dataclass(frozen=True)
class Stick:
    """A FAT32 image with a bundle and its recovery data in clusters of one page, and a relay that knows the root."""

    path: Path
    forge: BundleForge
    bundle: bytes
    side: bytes
    home: Home

    @property
    def image(self) -> Path:
        return self.path / "stick.img"

    def clusters(self) -> list[int]:
        """Return the offsets of all clusters of both files."""
        return fat_clusters(self.image, BUNDLE) + fat_clusters(self.image, SIDE)

    def fresh_home(self, number: int) -> Home:
        """Return a relay that has imported nothing."""
        path = self.path / f"home-{number}"
        shutil.copytree(self.home.path, path)
        return Home(path)

    def import_it(self, home: Home) -> repair.RepairedBundle | None:
        """Plug in the stick and import what is on it, repaired if need be."""
        mount_point = self.path / "mnt"
        mount_point.mkdir(exist_ok=True)
        with fat_image(mount_point, self.image):
            repaired = repair.repair_bundle(mount_point / BUNDLE, home.path / "tmp", QUIET, CancelToken())
            if repaired is None:
                assert (mount_point / BUNDLE).read_bytes() == self.bundle
                import_bundle(home, mount_point / BUNDLE, self.forge.clock())
                return None
            with repaired:
                assert repaired.path.read_bytes() == self.bundle
                assert import_bundle(home, repaired.path, self.forge.clock()).outcome == "imported"
        assert list((home.path / "tmp").iterdir()) == []
        return repaired


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Stick:
    path = tmp_path_factory.mktemp("recovery")
    forge = BundleForge()
    dice = random.Random(4)
    forge.files |= {f"rules/{number}.rules": f"alert {number}\n".encode() * 900 for number in range(20)}
    forge.files |= {f"clamav/{number}.cvd": dice.randbytes(dice.randrange(400_000)) for number in range(10)}
    forge.seal(path / BUNDLE)
    write_recovery(path / BUNDLE, RATE, QUIET, workspace=path / "work")
    image = path / "stick.img"
    with image.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    run(["mkfs.vfat", "-F", "32", "-s", "8", image])
    for name in (BUNDLE, SIDE):
        run(["mcopy", "-i", image, path / name, f"::{name}"])
    return Stick(
        path, forge, (path / BUNDLE).read_bytes(), (path / SIDE).read_bytes(), make_home(path / "home", forge.root)
    )


def spoiled(stick: Stick, seed: int) -> list[tuple[int, bytes]]:
    """Damage the image by a seed's pattern; return what was there before."""
    dice, pattern, clusters = random.Random(seed), Pattern.drawn(seed, RATE / 100), stick.clusters()
    before = []
    with stick.image.open("r+b") as file:
        for number in sorted(pattern.pages(dice, len(clusters))):
            file.seek(clusters[number])
            page = file.read(PAGE)
            before.append((clusters[number], page))
            file.seek(clusters[number])
            file.write(pattern.spoil(dice, page))
    return before


def restore(stick: Stick, before: list[tuple[int, bytes]]) -> None:
    with stick.image.open("r+b") as file:
        for offset, page in before:
            file.seek(offset)
            file.write(page)


def seeds(count: int) -> Iterator[int]:
    yield from range(count)


def check_patterns(stick: Stick, count: int) -> None:
    """Every pattern of 1 to 5 % of all clusters of both files imports; most of them did need the repair."""
    needed = 0
    for seed in seeds(count):
        before = spoiled(stick, seed)
        home = stick.fresh_home(seed)
        try:
            needed += stick.import_it(home) is not None
        except IncompleteError as error:
            raise AssertionError(f"seed {seed}: {Pattern.drawn(seed, RATE / 100)}: {error}") from error
        finally:
            restore(stick, before)
            shutil.rmtree(home.path)
    assert needed > count * 0.8


@pytest.mark.needs("root", "fusefat")
def test_every_pattern_of_damage_below_the_rate_imports(stick: Stick) -> None:
    check_patterns(stick, 40)


@pytest.mark.needs("root", "fusefat")
@pytest.mark.long
def test_a_thousand_patterns_of_damage_below_the_rate_import(stick: Stick) -> None:
    check_patterns(stick, 1000)


def test_damage_above_the_rate_is_told_with_its_counts_and_nothing_changes(stick: Stick, tmp_path: Path) -> None:
    shutil.copytree(stick.home.path, tmp_path / "home")
    for name, data in ((BUNDLE, stick.bundle), (SIDE, stick.side)):
        (tmp_path / name).write_bytes(data)
    blocks = len(pages_of(len(stick.bundle)))
    spoil_pages(tmp_path / BUNDLE, random.Random(0).sample(range(blocks), blocks // 5))
    with pytest.raises(IncompleteError) as caught:
        repair.repair_bundle(tmp_path / BUNDLE, tmp_path / "home" / "tmp", QUIET, CancelToken())
    assert caught.value.code == "recovery.too-damaged"
    assert caught.value.details == {
        "damaged_blocks": blocks // 5,
        "blocks": blocks,
        "recovery_blocks": recovery.plan_recovery(len(stick.bundle), RATE).recovery_blocks,
    }
    assert list((tmp_path / "home" / "tmp").iterdir()) == []


def failing_reads(stick: Stick, directory: Path, when: str, name: str = BUNDLE) -> object:
    """Attempt a repair while reads of a file fail with EIO as strace's ``when`` says; return what came of it."""
    for file, data in ((BUNDLE, stick.bundle), (SIDE, stick.side)):
        (directory / file).write_bytes(data)
    (directory / "tmp").mkdir()
    strace = ["strace", "-f", "-qqq", "-o", "/dev/null", "-P", directory / name, "-e", "trace=pread64"]
    program = [BIN / "python", "-c", _ATTEMPT, directory / BUNDLE, directory / "tmp"]
    done = run([*strace, "-e", f"inject=pread64:error=EIO:when={when}", *program], cwd=Path(__file__).parents[2])
    return json.loads(done.stdout)


def test_pages_that_cannot_be_read_are_rebuilt(stick: Stick, tmp_path: Path) -> None:
    path, damaged, unreadable, text = failing_reads(stick, tmp_path, "1..7")  # the piece, then three pages twice
    assert (damaged, unreadable) == (3, 3 * PAGE)
    assert text.startswith("The medium is damaged: rebuilt 3 of ")
    assert Path(path).read_bytes() == stick.bundle


def test_reads_that_fail_once_are_tried_again_and_nothing_is_lost(stick: Stick, tmp_path: Path) -> None:
    path, damaged, unreadable, text = failing_reads(stick, tmp_path, "1+2")
    assert (damaged, unreadable) == (0, 0)
    assert text.startswith("The medium gave read errors")
    assert Path(path).read_bytes() == stick.bundle


def test_a_side_file_that_cannot_be_read_at_places_is_used_as_far_as_it_goes(stick: Stick, tmp_path: Path) -> None:
    assert failing_reads(stick, tmp_path, "1..21", SIDE) is None  # read all the same; the bundle lacks nothing


def test_a_medium_that_cannot_be_read_from_some_place_on_is_given_up_early(stick: Stick, tmp_path: Path) -> None:
    error = failing_reads(stick, tmp_path, "2+")
    assert isinstance(error, dict)
    assert error["code"] == "recovery.too-damaged"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_medium_that_cannot_be_read_at_all_is_left_to_the_error_that_it_gave(stick: Stick, tmp_path: Path) -> None:
    assert failing_reads(stick, tmp_path, "1+") is None
    assert list((tmp_path / "tmp").iterdir()) == []
