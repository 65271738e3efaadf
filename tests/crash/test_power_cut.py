"""Real power cuts while three bundles are imported: afterwards old or new, never less than was acknowledged."""

import random
import statistics
from collections import Counter

import pytest

from manifests.disk import durable
from tests.support.crash_relay import LAST, Crossing
from tests.support.power_cut import PowerCutDisk, fast_directory
from tests.support.relay_homes import make_home

pytestmark = pytest.mark.needs("root", "mkfs.ext4")

CUTS = 100
LONG_CUTS = 2000
BLOCKS = 4


class Rig:
    """A relay on a disk that can be cut off, and how long an uncut import of everything takes there."""

    def __init__(self, directory):
        self.crossing = Crossing(directory / "stick")
        self.disk = PowerCutDisk(directory / "disk")
        with self.disk.mounted() as path:
            self.home = make_home(path / "relay", self.crossing.forge.root)
        self.disk.save()
        with self.disk.mounted():  # here first, so that the children have everything imported
            self.crossing.import_from(self.home, 1, lambda: None)
        self.cycle_seconds = statistics.median(self.run(None)[2] for _ in range(5))

    def run(self, cut_after_seconds):
        return self.disk.run(
            lambda acknowledge: self.crossing.import_from(self.home, 1, acknowledge), cut_after_seconds
        )

    def cut_and_look(self, cut_after_seconds):
        acknowledged, late, _ = self.run(cut_after_seconds)
        with self.disk.mounted():
            found = self.crossing.check_after(self.home.path, acknowledged, late)
            self.crossing.finish(self.home.path)
        return acknowledged, found


@pytest.fixture(scope="module")
def rig():
    with fast_directory() as directory:
        yield Rig(directory)


def test_the_disk_really_loses_what_was_not_synced(tmp_path):
    disk = PowerCutDisk(tmp_path / "disk")
    with disk.mounted() as path:
        durable.write_file(path / "kept", b"x")
        (path / "lost").write_bytes(b"x")
        disk.cut()
        with pytest.raises(OSError, match="Input/output error"):
            (path / "late").write_bytes(b"x")
    with disk.mounted() as path:
        assert (path / "kept").read_bytes() == b"x"
        assert not (path / "lost").exists()


def test_without_a_cut_everything_is_acknowledged(rig):
    assert rig.run(None)[:2] == (LAST, 0)


def cut_many(rig, count, seed):
    chance = random.Random(seed)
    seen = Counter()
    for number in range(count):
        instant = chance.uniform(0, 1.1 * rig.cycle_seconds)
        try:
            seen[rig.cut_and_look(instant)] += 1
        except BaseException as error:
            error.add_note(f"cut {number} of seed {seed}, after {instant:.4f} s of {rig.cycle_seconds:.4f} s")
            raise
    return seen


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_power_cut_at_any_instant_leaves_the_old_or_the_new(rig, block):
    seen = cut_many(rig, CUTS // BLOCKS, seed=block)
    assert len({found for _, found in seen}) > 1


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_two_thousand_power_cuts_leave_the_old_or_the_new(rig, block):
    cut_many(rig, LONG_CUTS // 20, seed=1000 + block)
