"""Kills, power cuts and failing calls while a file is delivered: nothing, or all of it; the next run puts it right."""

import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from manifests.errors import SealiftError
from relay.config import DeliveryConfig
from relay.context import Context
from relay.home import Home
from relay.state import State
from tests.support.child import Child, run_traced
from tests.support.power_cut import PowerCutDisk, fast_directory
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_and_follow, make_config, make_home

pytestmark = pytest.mark.needs("root", "strace", "mkfs.ext4")

CALLS = "write,pwrite64,fsync,fdatasync,syncfs,rename,renameat2,unlink,unlinkat,fchmod,openat"
STRIDE = 2
CUTS = 24
OLD, NEW = b"one week " * 40_000, b"the next " * 40_000


class Site:
    """A relay that has delivered ``a.zip`` of generation 1, copied anew for each trial of importing generation 2."""

    def __init__(self, directory):
        self.forge = BundleForge()
        self.forge.said = {"dsa": {"deliver": "ds_agent"}}
        self.agent, self.pristine_agent = directory / "agent", directory / "pristine-agent"
        self.agent.mkdir()
        self.home, self.pristine = Home(directory / "relay"), directory / "pristine"
        make_home(self.home.path, self.forge.root)
        self.forge.files = {"dsa/a.zip": OLD}
        self.import_bundle(self.forge.seal(directory / "1.zip"))
        self.forge.files = {"dsa/b.zip": NEW}
        self.bundle = self.forge.seal(directory / "2.zip")
        shutil.copytree(self.agent, self.pristine_agent)
        self.home.path.rename(self.pristine)

    def import_bundle(self, path):
        config = make_config(self.home, deliveries=(DeliveryConfig("ds_agent", self.agent),))
        return import_and_follow(Context(self.home, config, self.forge.clock()), path)

    def fresh(self):
        for path, pristine in ((self.home.path, self.pristine), (self.agent, self.pristine_agent)):
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(pristine, path)

    def work(self, acknowledge):
        try:
            self.import_bundle(self.bundle)
        except SealiftError as error:
            return error.exit_code
        acknowledge()
        return 0

    def trial(self, call, number, effect):
        self.fresh()
        return run_traced(
            self.work, "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{effect}:when={number}"
        )

    def points(self, log):
        """Return the system calls of one undisturbed import from its first look at the agent's directory on."""
        self.fresh()
        assert run_traced(self.work, "-o", str(log), "-s", "200", "-e", f"trace={CALLS}").status == 0
        counts, points, begun = Counter(), [], False
        for line in log.read_text().splitlines():
            if match := re.match(r"(?:\d+ +)?([a-z0-9_]+)\(", line):
                counts[match[1]] += 1
                begun = begun or f'"{self.agent}"' in line
                if begun and (match[1] != "openat" or "O_CREAT" in line):
                    points.append((match[1], counts[match[1]]))
        return points

    def visible(self):
        """Return what the vendor's program can see and take for its own."""
        return {path.name: path.read_bytes() for path in self.agent.iterdir() if not path.name.startswith(".sealift-")}

    def check(self, acknowledged):
        """Nothing that can be seen is half; an acknowledged import has delivered; another run puts all right."""
        seen = self.visible()
        assert seen.items() <= {"a.zip": OLD, "b.zip": NEW}.items()
        if acknowledged:
            assert seen == {"b.zip": NEW}
        self.import_bundle(self.bundle)
        assert {path.name: path.read_bytes() for path in self.agent.iterdir()} == {"b.zip": NEW}
        with State(self.home.database) as state:
            assert [(row.wanted.file_name, row.state) for row in state.deliveries.list_all()] == [("b.zip", "placed")]
            assert state.deliveries.list_problems() == ()
        return tuple(seen)


@pytest.fixture(scope="module")
def site():
    with fast_directory() as directory:
        yield Site(directory)


def kill_at(site, points):
    outcomes = Counter()
    for call, number in points:
        ended = site.trial(call, number, "signal=KILL")
        assert ended.status in {0, -signal.SIGKILL}, (call, number)
        try:
            outcomes[site.check(ended.acknowledged)] += 1
            assert not outcomes[("a.zip", "b.zip")]
            assert not outcomes[("b.zip", "a.zip")]
        except BaseException as error:
            error.add_note(f"killed at {call} number {number}")
            raise
    return outcomes


def test_a_kill_at_every_second_system_call_leaves_nothing_half(site, tmp_path):
    points = site.points(tmp_path / "calls")
    assert {"unlinkat", "renameat2", "fsync", "fdatasync", "fchmod"} <= {call for call, _ in points}
    rename = [point for point in points if point[0] == "renameat2"]
    outcomes = kill_at(site, sorted({*points[::STRIDE], *rename}, key=points.index))
    assert outcomes[("a.zip",)] > 0
    assert outcomes[()] > 0
    assert outcomes[("b.zip",)] > 0


@pytest.mark.long
def test_a_kill_at_every_system_call_leaves_nothing_half(site, tmp_path):
    kill_at(site, site.points(tmp_path / "calls"))


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_failing_system_call_does_not_fail_the_import_and_is_made_good_by_the_next_run(site, tmp_path, error):
    points = [point for point in site.points(tmp_path / "calls") if point[0] != "openat"]
    for call, number in points[::STRIDE]:
        ended = site.trial(call, number, f"error={error}")
        assert (ended.status, ended.acknowledged) == (0, 1), (call, number)
        site.check(acknowledged=False)  # the old file may stand beside the new while it cannot be removed


def test_a_file_system_without_exclusive_rename_gets_the_file_by_a_link(site):
    site.fresh()
    ended = run_traced(site.work, "-o", "/dev/null", "-e", "trace=renameat2", "-e", "inject=renameat2:error=EINVAL")
    assert (ended.status, ended.acknowledged) == (0, 1)
    assert site.check(acknowledged=True) == ("b.zip",)
    assert (site.agent / "b.zip").stat().st_nlink == 1


@contextmanager
def mounted(directory, options):
    """Mount a small file system over a directory for the block; yield a function that mounts it anew."""

    def remount(options):
        subprocess.run(["mount", "-o", f"remount,{options}", directory], check=True)

    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
    try:
        yield remount
    finally:
        subprocess.run(["umount", directory], check=True)


@pytest.mark.parametrize(
    ("bad", "good", "code"),
    [("size=64k", "size=4m", "storage.space"), ("ro", "rw", "storage.read-only")],
)
def test_a_directory_that_takes_nothing_is_told_and_the_file_comes_when_it_does(site, bad, good, code):
    site.fresh()
    with mounted(site.agent, "size=4m") as remount:
        shutil.copytree(site.pristine_agent, site.agent, dirs_exist_ok=True)
        (site.agent / "a.zip").unlink()  # the old file is not what this is about
        remount(bad)
        result, followed = site.import_bundle(site.bundle)
        assert result.outcome == "imported"
        assert [problem.code for problem in followed.deliveries.problems] == [code]
        assert site.visible() == {}
        remount(good)
        site.check(acknowledged=False)


def cut(site, disk, instant):
    """Import generation 2 in a child and pull the plug after so long; return how often it had acknowledged."""
    disk.restore()
    with disk.mounted():
        child = Child(site.work)
        child.go()
        time.sleep(instant)  # the instant under test, not a synchronisation
        before = child.acknowledged()
        disk.cut()
        child.wait()
    return before


def test_a_power_cut_at_any_instant_leaves_nothing_half():
    chance = random.Random(7)
    with fast_directory() as directory:
        disk = PowerCutDisk(directory / "disk")
        with disk.mounted() as path:
            site = Site(path)
            site.fresh()
        disk.save()
        with disk.mounted():
            started = time.monotonic()
            assert site.work(lambda: None) == 0
            cycle_seconds = time.monotonic() - started
        seen = Counter()
        for number in range(CUTS):
            instant = chance.uniform(0, 1.5 * cycle_seconds)
            acknowledged = cut(site, disk, instant)
            with disk.mounted():
                try:
                    seen[site.check(acknowledged)] += 1
                except BaseException as error:
                    error.add_note(f"cut {number}, after {instant:.4f} s of {cycle_seconds:.4f} s")
                    raise
        assert len(seen) > 1
