"""Bundles as people bring them: late, too early, mixed, torn, twice; each ends right, or says what to type."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bundler.seal.recovery import write_recovery
from manifests.progress import NoProgress
from manifests.receipt import verify_receipt
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from tests.support.commands import BIN, clean_environment, run, wait_for
from tests.support.damage import spoil_pages
from tests.support.media import exfat_stick, fat_image, fat_stick, is_mounted, squashfs_disc
from tests.support.publisher import Publisher
from tests.support.relay_homes import make_home
from tests.support.relay_service import QUICK, Site, serving

pytestmark = pytest.mark.needs(
    "root", "strace", "fusefat", "mkfs.vfat", "mcopy", "mksquashfs", "mkfs.exfat", "mount.exfat-fuse"
)

DICE = random.Random(6)
PATTERNS = {f"clamav/{number}.cvd": DICE.randbytes(700_000) for number in range(6)}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.configure()
    return site


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


def volumes(site: Site, count: int, **options: Any) -> list[Path]:
    """Seal the next version in volumes: patterns that are new each time, one of them in parts."""
    version = site.forge.version + 1
    site.forge.files |= PATTERNS | {f"rules/{version}.rules": f"alert {version}\n".encode() * 500}
    site.forge.files["clamav/large.cvd"] = random.Random(version).randbytes(900_000)
    parts = {"clamav/large.cvd": 250_000}
    return site.forge.seal_volumes(site.outgoing, count, parts=parts, created=site.now, **options)


def take(site: Site, *paths: Path) -> tuple[int, str]:
    """Import by hand; return the exit code and the last line of what was said."""
    done = site.relay("import", *paths, check=False)
    return done.returncode, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def generation(site: Site) -> tuple[int, list[int]]:
    """Return what is served, and which generations are pending."""
    status = site.status()
    return status["generation"], [row["generation"] for row in status["pending"]]


def served(site: Site) -> dict[str, bytes]:
    with State(site.home.database) as state:
        rows = list(state.publications.list_files(DEFAULT_RING))
    return {path: site.home.store.path(blob.sha256).read_bytes() for path, blob, _ in rows}


def test_an_older_bundle_that_comes_late_is_refused_in_one_sentence(site: Site, stick: Path) -> None:
    first, second = site.seal(), site.seal()
    assert take(site, second) == (0, "")
    code, said = take(site, first)
    assert code == 22
    assert "[tuf.rollback.timestamp]" in said
    for path in (first, second):
        shutil.move(path, stick)
    assert take(site, stick) == (0, "")  # on a stick the older one is passed over
    assert generation(site) == (2, [])


def test_an_increment_that_comes_too_early_names_the_command_and_waits_for_its_base(site: Site) -> None:
    first, second, third = site.seal(), site.seal(since=1), site.seal(since=2)
    assert take(site, first) == (0, "")
    code, said = take(site, third)
    assert code == 24
    assert "Do: in the DMZ: bundle create --since 1. [base.missing]" in said
    assert generation(site) == (1, [])
    assert take(site, third, second) == (0, "")  # together they come in their own order
    assert generation(site) == (3, [])


def test_an_increment_in_the_inbox_is_tried_again_when_its_base_has_come(site: Site) -> None:
    first, second = site.seal(), site.seal(since=1)
    with serving(site) as service:
        shutil.copyfile(second, site.inbox / "b.zip")
        assert "bundle create --full" in service.until("incomplete")["text"]
        shutil.copyfile(first, site.inbox / "z.zip")
        assert [service.until("imported")["generation"] for _ in range(2)] == [1, 2]
    assert list(site.inbox.iterdir()) == []


def test_volumes_of_two_bundles_mixed_on_one_stick_end_at_the_newer(site: Site, stick: Path) -> None:
    older, newer = volumes(site, 3), volumes(site, 2)
    with fat_stick(stick, [newer[1], older[2], newer[0], older[0]]):
        assert take(site, stick) == (0, "")
    assert generation(site) == (2, [])
    assert served(site) == site.forge.files
    code, said = take(site, older[1])
    assert code == 22
    assert "rollback" in said


def test_the_last_volume_missing_is_named_with_the_command_and_nothing_is_lost(site: Site, stick: Path) -> None:
    first, second, third = volumes(site, 3)
    code, said = take(site, third, first)
    assert code == 24
    assert "Have: volumes 1, 3 of 3, " in said
    assert "Need: volume 2 of 3: " in said
    todo = (
        "import forge-000001-full-v2-of-3.zip; if it is lost, in the DMZ: bundle create --again 1; for just the rest: "
        "relay receipt, and with it in the DMZ: bundle create --since RECEIPT"
    )
    assert f"Do: {todo}. [volume.missing]" in said
    (row,) = site.status()["pending"]
    assert (row["volumes_seen"], row["volume_count"], row["do"]) == ([1, 3], 3, todo)
    shown = site.relay("status").stdout
    assert "volumes 1, 3 of 3, " in shown
    assert todo in shown
    assert "Incomplete: volumes 1, 3 of 3, " in site.relay("generations").stdout
    assert take(site, first, second) == (0, "")
    assert served(site) == site.forge.files


def test_volumes_in_an_inbox_are_stored_and_removed_one_by_one(site: Site) -> None:
    paths = volumes(site, 3)
    with serving(site) as service:
        for path in (paths[1], paths[2]):
            shutil.copyfile(path, site.inbox / path.name)
            event = service.until("stored")
            assert (event["generation"], event["file"]) == (1, "deleted")
        assert site.status()["pending"][0]["volumes_seen"] == [2, 3]
        assert service.get("/clamav/0.cvd")[0] == 503  # nothing is served yet
        shutil.copyfile(paths[0], site.inbox / "the last one")
        assert service.until("imported")["generation"] == 1
        assert service.get("/clamav/large.cvd") == (200, site.forge.files["clamav/large.cvd"])
    assert list(site.inbox.iterdir()) == []


def daemon_of(mount_point: Path) -> int:
    """Return the process that serves a FUSE mount."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"fusefat") and os.fsencode(mount_point) in words:
                return int(entry.name)
    raise AssertionError(f"nobody serves {mount_point}")


def stored_bytes(site: Site) -> int:
    return sum(path.stat().st_size for path in (site.home.path / "tmp").iterdir())


def pull_out_while_importing(site: Site, stick: Path, bundle: Path) -> tuple[int, str]:
    """Import from a stick whose reads are slow, and take it away when some of the content is in."""
    slow = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", stick / bundle.name, "-e", "trace=pread64,read"]
    slow += ["-e", "inject=pread64,read:delay_enter=60ms"]
    command = [*slow, BIN / "relay", "--home", site.home.path, "--quiet", "import", stick / bundle.name]
    with fat_stick(stick, [bundle]):
        process = subprocess.Popen(
            [str(part) for part in command],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: stored_bytes(site) > 2_000_000 or process.poll() is not None, seconds=60, what="some content")
        os.kill(daemon_of(stick), signal.SIGKILL)
        _, said = process.communicate(timeout=120)
        run(["umount", "-l", stick])
    assert process.returncode != 1, said
    return process.returncode, said.strip().splitlines()[-1]


def test_a_stick_that_is_pulled_out_in_the_middle_leaves_what_was_read(site: Site, stick: Path) -> None:
    bundle, other = volumes(site, 2)
    code, said = pull_out_while_importing(site, stick, bundle)
    assert code == 24, said
    assert "What is undamaged is kept" in said
    assert "[bundle.damaged]" in said
    assert generation(site) == (0, [1])
    assert not is_mounted(stick)
    with fat_image(stick, stick.with_suffix(".img")):  # plugged in again
        code, said = take(site, stick)
        assert code == 24
        assert "import forge-000001-full-v2-of-2.zip" in said
    assert take(site, other) == (0, "")
    assert served(site) == site.forge.files


def test_a_stick_that_is_pulled_out_while_the_service_reads_goes_on_where_it_was_when_it_is_back(
    site: Site, stick: Path
) -> None:
    """The reads of the medium are slow, so that it is gone when some of the content is in, and not all."""
    site.configure(stick)
    bundle, other = volumes(site, 2)
    slow = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", stick / bundle.name, "-e", "trace=pread64,read"]
    slow += ["-e", "inject=pread64,read:delay_enter=60ms"]
    with serving(site, wrap=slow) as service:
        with fat_stick(stick, [bundle]):
            wait_for(lambda: stored_bytes(site) > 2_000_000, seconds=60, what="some content", log=service.log)
            os.kill(daemon_of(stick), signal.SIGKILL)
            assert service.until("incomplete")["code"] == "bundle.damaged"
            assert f"{stick} cannot be listed" in service.until("waiting")["text"]
            run(["umount", "-l", stick])
        assert generation(site) == (0, [1])
        assert verify_receipt((site.home.out / "receipt.json").read_bytes()).receipt.pending_generation == 1
        with fat_image(stick, stick.with_suffix(".img")):  # plugged in again
            assert service.until("stored")["file"] == "deleted"
        with fat_stick(stick, [other]):
            assert service.until("imported")["generation"] == 1
    assert served(site) == site.forge.files


@pytest.mark.parametrize("first", [20, 25, 30])
def test_a_medium_whose_reads_fail_loses_only_what_was_not_read(site: Site, first: int) -> None:
    (bundle,) = volumes(site, 1)
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", bundle, "-e", "trace=read,pread64"]
    strace += ["-e", f"inject=read,pread64:error=EIO:when={first}..{first + 4}"]
    done = run([*strace, BIN / "relay", "--home", site.home.path, "--quiet", "import", bundle], check=False)
    assert done.returncode in {24, 40}, done.stderr
    assert generation(site)[0] == 0
    assert take(site, bundle) == (0, "")  # the medium has recovered
    assert served(site) == site.forge.files


def test_a_write_protected_disc_is_imported_and_left_as_it_is(site: Site, stick: Path) -> None:
    site.configure(stick)
    paths = volumes(site, 2)
    with squashfs_disc(stick, paths), serving(site) as service:
        for name in ("stored", "imported"):
            event = service.until(name)
            assert event["file"] == "kept"
            assert "read-only" in event["text"]
    assert generation(site) == (1, [])


def test_an_older_volume_that_comes_after_a_newer_bundle_is_refused_and_the_newer_stays(site: Site) -> None:
    older = volumes(site, 2)
    (newer,) = volumes(site, 1)
    with serving(site) as service:
        for path, event in ((older[0], "stored"), (newer, "imported"), (older[1], "refused")):
            shutil.copyfile(path, site.inbox / path.name)
            said = service.until(event)
        assert said["code"] == "tuf.rollback.timestamp"
        assert "Have: version 1. Need: version 2 or newer" in said["text"]
    assert generation(site) == (2, [])
    assert served(site) == site.forge.files
    assert verify_receipt((site.home.out / "receipt.json").read_bytes()).receipt.pending_generation is None


def test_the_rest_of_a_lost_volume_comes_with_the_command_that_was_named(site: Site, tmp_path: Path) -> None:
    """What ``relay status`` says is typed in a real DMZ."""
    publisher = Publisher.found(tmp_path / "dmz", "patterns")
    for name, data in PATTERNS.items():
        (publisher.content / "patterns" / Path(name).name).write_bytes(data)
    done = publisher.bundle("create", "--out", publisher.out, "--volume-size", "1500KB", "-o", "json")
    paths = [Path(file["file"]) for file in json.loads(done.stdout)["files"]]
    home = tmp_path / "north"
    relay = [BIN / "relay", "--home", home, "--quiet"]
    run([*relay, "init", "--root", publisher.root])
    refused = run([*relay, "import", *paths[:-1]], check=False)
    assert "relay receipt, and with it in the DMZ: bundle create --since RECEIPT. [volume.missing]" in refused.stderr
    receipt = tmp_path / "north.receipt.json"
    run([*relay, "receipt", "--out", receipt])
    keyid = json.loads(receipt.read_bytes())["signatures"][0]["keyid"]
    publisher.bundle("sites", "import", "--fingerprint", keyid, receipt)
    rest = publisher.create("--since", receipt)
    assert rest.stat().st_size < paths[-1].stat().st_size + 20_000
    assert run([*relay, "import", rest]).returncode == 0
    assert json.loads(run([*relay, "status", "-o", "json"]).stdout)["pending"] == []


def contents(directory: Path) -> dict[str, tuple[int, str]]:
    """Return time of change and digest of every file."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in directory.iterdir()
    }


def test_one_stick_serves_two_sites_and_is_never_written_to(site: Site, stick: Path, tmp_path: Path) -> None:
    other = make_home(tmp_path / "other", site.forge.root, site.now)
    with fat_stick(stick, volumes(site, 3)):
        before = contents(stick)
        for home in (site.home.path, other.path):
            done = run([BIN / "relay", "--home", home, "--quiet", "import", stick, "-o", "json"])
            outcomes = [row["outcome"] for row in json.loads(done.stdout)["files"]]
            assert outcomes == ["stored", "stored", "imported"]
        assert contents(stick) == before


def test_the_services_of_two_sites_that_keep_files_take_one_stick_one_after_the_other(
    site: Site, stick: Path, tmp_path: Path
) -> None:
    other = Site(tmp_path / "other")
    other.home = make_home(tmp_path / "second", site.forge.root, site.now)
    paths = volumes(site, 2)
    with fat_stick(stick, paths):
        before = contents(stick)
    for one in (site, other):
        one.configure(stick, options=f'dispose = "keep"\n{QUICK}')
        with serving(one) as service, fat_image(stick, stick.with_suffix(".img")):
            assert [service.until(name)["file"] for name in ("stored", "imported")] == ["kept", "kept"]
            assert contents(stick) == before
        assert served(one) == site.forge.files


def test_volumes_on_an_exfat_stick_that_are_replaced_by_others_within_its_two_seconds(site: Site, stick: Path) -> None:
    site.configure(stick)
    first, second = volumes(site, 2)
    with exfat_stick(stick), serving(site) as service:
        shutil.copyfile(first, stick / "update.zip")
        assert service.until("stored")["file"] == "deleted"
        shutil.copyfile(second, stick / "update.zip")
        assert service.until("imported")["file"] == "deleted"
    assert served(site) == site.forge.files


@pytest.fixture
def shouted(site: Site, tmp_path: Path) -> list[Path]:
    """Volumes whose names came out in capitals, and short."""
    directory = tmp_path / "copied"
    directory.mkdir()
    result = []
    for number, path in enumerate(volumes(site, 2), 1):
        result.append(shutil.move(path, directory / f"FORGE-{number}.ZIP"))
    return result


def test_names_in_another_case_mean_nothing(site: Site, stick: Path, shouted: list[Path]) -> None:
    with fat_stick(stick, shouted[::-1]):
        assert take(site, stick) == (0, "")
    with serving(site) as service:
        shutil.copyfile(shouted[0], site.inbox / "Forge-1.Zip")
        assert service.until("already-imported")["file"] == "deleted"


def test_a_torn_copy_gives_what_it_has_and_the_whole_one_the_rest(site: Site) -> None:
    (bundle,) = volumes(site, 1)
    torn = site.outgoing / "torn.zip"
    torn.write_bytes(bundle.read_bytes()[: bundle.stat().st_size * 2 // 3])
    code, said = take(site, torn)
    assert code == 24
    assert "zip.end" in said
    assert "bundle create --since RECEIPT" in said
    (row,) = site.status()["pending"]
    assert 0 < row["missing_bytes"] < sum(map(len, site.forge.files.values())) // 2
    receipt = verify_receipt(site.relay("receipt").stdout.encode("ascii")).receipt
    assert receipt.pending_generation == 1
    assert 0 < len(receipt.pending_holds) < len(site.forge.files)
    assert take(site, bundle) == (0, "")
    assert served(site) == site.forge.files


def test_recovery_data_goes_into_the_inbox_and_out_of_it_with_its_bundle(site: Site, stick: Path) -> None:
    (bundle,) = volumes(site, 1)
    copy = stick / "update.zip"
    shutil.copyfile(bundle, copy)
    write_recovery(copy, 5.0, NoProgress(), workspace=site.base / "work")
    spoil_pages(copy, {5, 300, 301})
    with serving(site) as service:
        shutil.copyfile(stick / "update.zip.par2", site.inbox / "UPDATE.ZIP.PAR2")
        shutil.copyfile(copy, site.inbox / "update.zip")
        event = service.until("imported")
        assert "3 of " in event["text"]
        assert "blocks from UPDATE.ZIP.PAR2" in event["text"]
        wait_for(lambda: not list(site.inbox.iterdir()), seconds=10, what="an empty inbox")
    assert served(site) == site.forge.files
