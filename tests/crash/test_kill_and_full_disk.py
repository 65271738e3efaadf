"""SIGKILL at system calls, failing system calls, and a disk that fills up: nothing is lost, old or new remains."""

import os
import re
import shutil
import signal
from collections import Counter

import pytest

from manifests.errors import SealiftError, StorageError
from tests.support.child import run_traced
from tests.support.crash_relay import LAST, Crossing
from tests.support.power_cut import PowerCutDisk, fast_directory
from tests.support.relay_homes import (
    fingerprint,
    import_and_follow,
    import_bundle,
    make_context,
    make_home,
)

pytestmark = pytest.mark.needs("root", "strace")

CALLS = "write,pwrite64,fsync,fdatasync,syncfs,rename,unlink,chmod,mkdir,ftruncate,flock,fcntl"
"""What changes the disk, and the locks."""
STRIDE = 7
NO_RESERVE = -(2**40)
"""Lets an import begin although there is no room, so that it fails in the middle."""


class Site:
    """A relay with generation 1, copied anew for each trial of importing generation 2."""

    def __init__(self, directory):
        self.crossing = Crossing(directory / "stick")
        self.pristine = make_home(directory / "pristine", self.crossing.forge.root)
        import_bundle(self.pristine, self.crossing.bundles[0], self.crossing.clock)
        self.home = type(self.pristine)(directory / "relay")

    def fresh(self):
        shutil.rmtree(self.home.path, ignore_errors=True)
        shutil.copytree(self.pristine.path, self.home.path)

    def work(self, acknowledge):
        """Import generation 2; leave with the documented exit code."""
        try:
            import_bundle(self.home, self.crossing.bundles[1], self.crossing.clock)
        except SealiftError as error:
            return error.exit_code
        acknowledge()
        return 0

    def trial(self, call, number, effect):
        self.fresh()
        return run_traced(
            self.work, "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{effect}:when={number}"
        )

    def calls(self, log):
        """Return every system call of one undisturbed import, as ``(name, how many of it so far)``."""
        self.fresh()
        assert run_traced(self.work, "-o", str(log), "-e", f"trace={CALLS}").status == 0
        counts = Counter()
        points = []
        for line in log.read_text().splitlines():
            if match := re.match(r"(?:\d+ +)?([a-z0-9_]+)\(", line):
                counts[match[1]] += 1
                points.append((match[1], counts[match[1]]))
        return points


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
            outcomes[site.crossing.check_after(site.home.path, 1 + ended.acknowledged)] += 1
            site.crossing.finish(site.home.path)
        except BaseException as error:
            error.add_note(f"killed at {call} number {number}")
            raise
    return outcomes


def test_a_kill_at_every_seventh_system_call_leaves_the_old_or_the_new(site, tmp_path):
    points = site.calls(tmp_path / "calls")
    assert {"syncfs", "rename", "pwrite64", "fdatasync"} <= {call for call, _ in points}
    outcomes = kill_at(site, points[::STRIDE])
    assert outcomes[1] > 0
    assert outcomes[2] > 0


@pytest.mark.long
def test_a_kill_at_every_system_call_leaves_the_old_or_the_new(site, tmp_path):
    kill_at(site, site.calls(tmp_path / "calls"))


def fail_at(site, points, error):
    for call, number in points:
        ended = site.trial(call, number, f"error={error}")
        assert (ended.status, ended.acknowledged) in {(40, 0), (0, 1)}, (call, number)
        site.crossing.check_after(site.home.path, 1 + ended.acknowledged)
        site.crossing.finish(site.home.path)


def writing(points):
    """Leave out the calls whose failure means something else than a failing disk."""
    return [point for point in points if point[0] in {"write", "pwrite64", "fsync", "fdatasync", "syncfs", "rename"}]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_failing_system_call_is_error_40_and_the_old_generation_stays(site, tmp_path, error):
    fail_at(site, writing(site.calls(tmp_path / "calls"))[::STRIDE], error)


@pytest.mark.long
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_every_failing_system_call_is_error_40_and_the_old_generation_stays(site, tmp_path, error):
    fail_at(site, writing(site.calls(tmp_path / "calls")), error)


def fill_up(directory, leave_bytes):
    """Leave so much room on a file system, give or take a block."""
    room = os.statvfs(directory)
    take = room.f_bavail * room.f_frsize - leave_bytes
    descriptor = os.open(directory / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        if take > 0:
            os.posix_fallocate(descriptor, 0, take)
    finally:
        os.close(descriptor)


def try_in(crossing, home, leave_bytes):
    """Import everything while only so much room is left; return the generations that were acknowledged."""
    fill_up(home.path.parent, leave_bytes)
    for done, path in enumerate(crossing.bundles):
        before = fingerprint(home)
        error = try_one(crossing, home, path)
        if error is not None:
            assert error.code == "storage.full"
            assert list(home.store.temporary.iterdir()) == []
            assert {name: digest for name, digest in fingerprint(home).items() if name in before} == before
            return done
    return LAST


def try_one(crossing, home, path):
    try:
        import_and_follow(make_context(home, crossing.clock, reserve_bytes=NO_RESERVE), path)
    except StorageError as error:
        return error
    return None


@pytest.mark.parametrize("step_kib", [128, pytest.param(4, marks=pytest.mark.long)])
def test_a_disk_that_fills_up_is_error_40_and_loses_nothing(step_kib):
    seen = set()
    with fast_directory() as directory:
        crossing = Crossing(directory / "stick")
        disk = PowerCutDisk(directory / "disk", size_mib=16)
        with disk.mounted() as path:
            home = make_home(path / "relay", crossing.forge.root)
        disk.save()
        for leave_kib in range(0, 1600, step_kib):
            disk.restore()
            with disk.mounted() as path:
                done = try_in(crossing, home, leave_kib * 1024)
                (path / "ballast").unlink()
                assert crossing.check_after(home.path, done) == done
                crossing.finish(home.path)
                seen.add(done)
    assert seen >= {0, LAST}
