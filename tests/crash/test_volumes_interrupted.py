"""Power cuts and kills while volumes, parts and patches come in: whole generations, and nothing stored is lost."""

import random
import signal
import statistics
from collections import Counter
from pathlib import Path

import pytest

from manifests.errors import RollbackError
from manifests.progress import CancelToken, NoProgress
from relay.afterwards import follow_import
from relay.home import open_home
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.store.outstanding import list_outstanding
from relay.store.verify import verify_store
from tests.support.child import run_traced
from tests.support.crash_relay import served_content
from tests.support.power_cut import PowerCutDisk, fast_directory
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_and_follow, make_context, make_home

pytestmark = pytest.mark.needs("root", "mkfs.ext4", "strace")

CALLS = "write,pwrite64,fsync,fdatasync,syncfs,rename,unlink,chmod,ftruncate,fallocate"
CUTS, LONG_CUTS = 20, 1000
STRIDE = 23
GENERATIONS = (0, 0, 0, 1, 1, 2, 2, 2, 4)
"""The newest generation after so many files."""
STORED = (0, 1, 2, 0, 1, 0, 1, 2, 0)
"""Volumes of a generation that is not whole, after so many files."""


class Trip:
    """Eight files: generation 1 in three volumes, the last first; generation 2 as patch and rest in two; of
    generation 3, a file in three parts, two volumes and never the third; generation 4 with that part and a patch.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        forge = BundleForge()
        dice = random.Random(1)
        large, other = dice.randbytes(300_000), dice.randbytes(120_000)
        forge.files = {"clamav/large": large, "clamav/other": other, "rules/a": b"alert " * 3000}
        self.content = [{}, dict(forge.files)]
        self.files = forge.seal_volumes(directory, 3, parts={"clamav/large": 70_000}, deflated=["rules/a"])[::-1]
        forge.files |= {"clamav/other": other + b"more", "clamav/new": dice.randbytes(200_000)}
        self.content.append(dict(forge.files))
        patched, parts = {"clamav/other": other}, {"clamav/new": 90_000}
        self.files += forge.seal_volumes(directory, 2, since=1, patched=patched, parts=parts)[::-1]
        huge = dice.randbytes(300_000)
        forge.files["clamav/huge"] = huge
        self.content.append(dict(forge.files))
        self.files += forge.seal_volumes(directory, 3, since=2, parts={"clamav/huge": 100_000})[::2]
        begun = [huge[:100_000], huge[200_000:]]
        patched = {"clamav/other": forge.files["clamav/other"]}
        forge.files["clamav/other"] += b"still more"
        self.content.append(dict(forge.files))
        last = directory / "forge-000004-since-000002.zip"
        self.files.append(forge.seal(last, since=2, patched=patched, parts={"clamav/huge": 100_000}, begun=begun))
        self.root, self.clock = forge.root, forge.clock()

    def take(self, home, acknowledge):
        for path in self.files:
            import_and_follow(make_context(home, self.clock), path)
            acknowledge()
        return 0

    def check(self, path, acknowledged, late=0):
        """Look at a relay after an interruption; return its generation.

        ``late`` files were reported as done only after it: no promise, but they may be here.
        """
        home = open_home(path)
        with State(home.database) as state:
            newest = state.generations.find_newest_number()
            possible = GENERATIONS[acknowledged : acknowledged + late + 2]
            assert newest in possible
            served = state.publications.find_ring(DEFAULT_RING).generation or 0
            assert served == newest or newest not in GENERATIONS[: acknowledged + 1]
            assert served_content(home) == self.content[served]
            assert {role.role: role.version for role in state.trusted.list_roles()}.get("timestamp", 0) == newest
            if GENERATIONS[acknowledged] == newest and STORED[acknowledged]:
                (left,) = list_outstanding(state, home.store)
                assert len(left.seen) >= STORED[acknowledged]
        assert verify_store(home, NoProgress(), CancelToken()).damage == ()
        follow_import(make_context(home, self.clock))
        assert served_content(home) == self.content[newest]
        return newest

    def finish(self, path):
        """Bring everything again; what is older or here already is said so."""
        home = open_home(path)
        for bundle in self.files:
            try:
                import_and_follow(make_context(home, self.clock), bundle)
            except RollbackError:
                with State(home.database) as state:
                    assert int(bundle.name.split("-")[1]) < state.generations.find_newest_number()
        assert self.check(path, len(self.files)) == GENERATIONS[-1]
        assert list(home.store.temporary.iterdir()) == []


@pytest.fixture(scope="module")
def rig():
    with fast_directory() as directory:
        yield Rig(directory)


class Rig:
    """A relay that is empty, on a disk that can be cut off."""

    def __init__(self, directory):
        self.trip = Trip(directory / "stick")
        self.disk = PowerCutDisk(directory / "disk")
        with self.disk.mounted() as path:
            self.home = make_home(path / "relay", self.trip.root)
        self.disk.save()
        self.run(None)  # everything is imported by now, as it will be in the children
        self.seconds = statistics.median(self.run(None)[2] for _ in range(3))

    def run(self, cut_after_seconds):
        return self.disk.run(lambda acknowledge: self.trip.take(self.home, acknowledge), cut_after_seconds)

    def cut(self, instant):
        acknowledged, late, _ = self.run(instant)
        with self.disk.mounted():
            found = self.trip.check(self.home.path, acknowledged, late)
            self.trip.finish(self.home.path)
        return acknowledged, found

    def kill(self, call, number):
        self.disk.restore()
        with self.disk.mounted():
            options = ("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
            ended = run_traced(lambda acknowledge: self.trip.take(self.home, acknowledge), *options)
            assert ended.status in {0, -signal.SIGKILL}
            found = self.trip.check(self.home.path, ended.acknowledged)
            self.trip.finish(self.home.path)
        return ended.status, found


def cut_many(rig, count, seed):
    chance, seen = random.Random(seed), Counter()
    for number in range(count):
        instant = chance.uniform(0, 1.1 * rig.seconds)
        try:
            seen[rig.cut(instant)] += 1
        except BaseException as error:
            error.add_note(f"cut {number} of seed {seed}, after {instant:.4f} s of {rig.seconds:.4f} s")
            raise
    return seen


def test_a_power_cut_between_or_within_volumes_loses_nothing_that_was_said_to_be_stored(rig):
    assert rig.run(None)[:2] == (len(rig.trip.files), 0)
    seen = cut_many(rig, CUTS, seed=1)
    assert len({found for _, found in seen}) > 1


@pytest.mark.long
def test_a_thousand_power_cuts_while_volumes_come_in(rig):
    cut_many(rig, LONG_CUTS, seed=2)


def kill_at(rig, stride):
    found = Counter()
    for call in CALLS.split(","):
        for number in range(1, 10_000, stride):
            try:
                status, generation = rig.kill(call, number)
            except BaseException as error:
                error.add_note(f"killed at {call} number {number}")
                raise
            found[generation] += 1
            if status == 0:  # there are fewer calls of this kind
                break
    return found


def test_a_kill_at_every_twenty_third_system_call_leaves_whole_states(rig):
    found = kill_at(rig, STRIDE)
    assert found[0] > 0
    assert found[2] > 0
    assert found[4] > 0


@pytest.mark.long
def test_a_kill_at_every_system_call_leaves_whole_states(rig):
    kill_at(rig, 1)
