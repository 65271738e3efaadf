"""Files on their way into a running relay: copied slowly, by halves, by rename, by the dozen, on sticks."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests.clock import system_clock
from manifests.receipt import verify_receipt
from relay.config import load_config
from relay.context import Context
from relay.importing.importer import import_bundle as import_alone
from tests.support.commands import wait_for
from tests.support.media import exfat_stick, ext4_disk, fat_image, fat_stick, is_mounted, small_disk, squashfs_disc
from tests.support.relay_bundles import Forgery, new_signer
from tests.support.relay_homes import fingerprint
from tests.support.relay_service import DEADLINE, Service, Site, serving

pytestmark = pytest.mark.needs(
    "root",
    "strace",
    "fusefat",
    "mkfs.vfat",
    "mcopy",
    "mount.exfat-fuse",
    "mkfs.exfat",
    "mksquashfs",
    "mkfs.ext4",
    "unshare",
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.configure()
    return site


@pytest.fixture
def service(site: Site) -> Iterator[Service]:
    with serving(site) as service:
        yield service


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


def listing(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def serves(service: Service, version: int) -> bool:
    return service.get(f"/rules/{version:03}.rules") == (200, f"alert {version}\n".encode() * 500)


def test_a_bundle_put_into_the_inbox_is_imported_served_and_removed(site: Site, service: Service) -> None:
    shutil.copyfile(site.seal(), site.inbox / "renamed by somebody.zip")
    event = service.until("imported")
    assert event["generation"] == 1
    assert event["file"] == "deleted"
    assert listing(site.inbox) == []
    assert serves(service, 1)
    assert site.status()["generation"] == 1
    assert (site.home.out / "features.json").is_file()


def test_a_receipt_that_says_what_is_here_lies_ready_after_each_import(site: Site, service: Service) -> None:
    held, pending = [], []
    site.forge.files["clamav/large.cvd"] = random.Random(1).randbytes(300_000)
    volumes = site.forge.seal_volumes(site.outgoing, 2, parts={"clamav/large.cvd": 100_000}, created=site.now)
    for path, outcome in ((volumes[1], "stored"), (volumes[0], "imported")):
        shutil.copyfile(path, site.inbox / path.name)
        service.until(outcome)
        receipt = verify_receipt((site.home.out / "receipt.json").read_bytes()).receipt
        held.append(receipt.generations)
        pending.append((receipt.pending_generation, len(receipt.pending_parts)))
    assert held == [(), (1,)]
    assert pending == [(1, 1), (None, 0)]


def test_a_bundle_is_recognised_by_content_under_any_name(site: Site, service: Service) -> None:
    shutil.copyfile(site.seal(), site.inbox / "update")
    assert service.until("imported")["generation"] == 1
    undecodable = os.fsencode(site.inbox) + b"/b\xfcndel \x1b[31m.zip"
    shutil.copyfile(site.seal(), undecodable)
    assert service.until("imported")["generation"] == 2
    assert listing(site.inbox) == []


def test_a_half_copied_file_that_grows_slowly_is_imported_once_when_it_is_whole(site: Site, service: Service) -> None:
    content = site.seal(extra={"rules/big.rules": random.Random(1).randbytes(400_000)}).read_bytes()
    with (site.inbox / "slow.zip").open("wb", buffering=0) as file:
        for start in range(0, len(content), 40_000):
            file.write(content[start : start + 40_000])
            if start == 0:
                service.until("waiting")
            assert service.count("importing") == 0
    assert service.until("imported")["generation"] == 1
    assert service.count("importing") == 1
    assert service.count("refused") == 0


def test_a_copy_that_stalls_and_is_closed_waits_with_its_reason_and_goes_on_later(site: Site, service: Service) -> None:
    content = site.seal().read_bytes()
    path = site.inbox / "stalled.zip"
    path.write_bytes(content[:9000])
    assert service.until("waiting")["text"].endswith("its end is missing: the copy is not complete")
    shutil.copyfile(site.seal(), site.inbox / "other.zip")
    assert service.until("imported")["generation"] == 2
    assert listing(site.inbox) == ["stalled.zip"]
    site.forge.version = 2
    with path.open("wb") as file:
        file.write(site.seal().read_bytes())
    assert service.until("imported")["generation"] == 3
    assert service.count("refused") == 0


@pytest.mark.long
def test_a_copy_that_stalls_for_a_minute_is_imported(site: Site, service: Service) -> None:
    content = site.seal().read_bytes()
    script = 'exec > "$0"; head -c 9000; sleep 61; cat'
    copy = subprocess.Popen(["sh", "-c", script, str(site.inbox / "stalled.zip")], stdin=subprocess.PIPE)
    copy.communicate(content)
    assert service.until("imported", seconds=120)["generation"] == 1
    assert service.count("refused") == 0


def test_a_file_renamed_into_place_is_imported(site: Site, service: Service) -> None:
    shutil.copyfile(site.seal(), site.inbox / ".plant.zip.r4Nd0m")
    (site.inbox / ".plant.zip.r4Nd0m").rename(site.inbox / "plant.zip")
    assert service.until("imported")["generation"] == 1


def test_a_directory_with_a_bundle_copied_into_the_inbox_is_looked_into(site: Site, service: Service) -> None:
    directory = site.inbox / "september"
    directory.mkdir()
    shutil.copyfile(site.seal(), directory / "plant.zip")
    assert service.until("imported")["generation"] == 1
    assert listing(directory) == []


def test_twenty_at_once_under_misleading_names_are_all_imported_oldest_first(site: Site, service: Service) -> None:
    bundles = [site.seal() for _ in range(20)]
    names = [f"{number:02}.zip" for number in range(20)]
    random.Random(3).shuffle(names)
    for bundle, name in zip(bundles, names, strict=True):
        shutil.copyfile(bundle, site.inbox / name)
    assert [service.until("imported")["generation"] for _ in range(20)] == list(range(1, 21))
    assert listing(site.inbox) == []
    assert service.count("refused") == 0
    assert serves(service, 20)


def test_two_inboxes_are_watched_and_one_that_does_not_exist_yet_is_waited_for(site: Site, tmp_path: Path) -> None:
    second = tmp_path / "later" / "inbox"
    site.configure(second)
    with serving(site) as service:
        shutil.copyfile(site.seal(), site.inbox / "a.zip")
        assert service.until("imported")["generation"] == 1
        second.mkdir(parents=True)
        shutil.copyfile(site.seal(), second / "b.zip")
        assert service.until("imported")["generation"] == 2


def test_the_same_file_twice_is_a_stated_no_op(site: Site, service: Service) -> None:
    bundle = site.seal()
    shutil.copyfile(bundle, site.inbox / "a.zip")
    service.until("imported")
    before = fingerprint(site.home)
    shutil.copyfile(bundle, site.inbox / "again.zip")
    event = service.until("already-imported")
    assert event["generation"] == 1
    assert event["file"] == "deleted"
    assert fingerprint(site.home) == before
    assert listing(site.inbox) == []


def test_a_refused_bundle_goes_to_quarantine_and_the_old_generation_keeps_serving(site: Site, service: Service) -> None:
    shutil.copyfile(site.seal(), site.inbox / "good.zip")
    service.until("imported")
    path = site.forge.seal(
        site.outgoing / "forged.zip", Forgery(signers={"timestamp": [new_signer()]}), created=site.now
    )
    shutil.copyfile(path, site.inbox / "forged.zip")
    event = service.until("refused")
    assert event["exit_code"] == 20
    assert event["file"] == "deleted"
    (record,) = site.quarantine()
    assert record["code"] == event["code"]
    assert record["name"] == "forged.zip"
    assert listing(site.inbox) == []
    assert serves(service, 1)
    assert site.status()["generation"] == 1


def test_an_older_bundle_is_refused_as_a_rollback_and_changes_nothing(site: Site, service: Service) -> None:
    first, second = site.seal(), site.seal()
    shutil.copyfile(second, site.inbox / "b.zip")
    service.until("imported")
    before = fingerprint(site.home)
    shutil.copyfile(first, site.inbox / "a.zip")
    event = service.until("refused")
    assert event["exit_code"] == 22
    assert fingerprint(site.home) == before
    assert serves(service, 2)


def test_an_increment_waits_for_its_base_and_follows_it(site: Site, service: Service) -> None:
    first = site.seal()
    second = site.seal(since=1)
    shutil.copyfile(second, site.inbox / "second.zip")
    event = service.until("incomplete")
    assert event["exit_code"] == 24
    assert listing(site.inbox) == ["second.zip"]
    assert site.quarantine() == []
    shutil.copyfile(first, site.inbox / "first.zip")
    assert [service.until("imported")["generation"] for _ in range(2)] == [1, 2]
    assert listing(site.inbox) == []


def test_an_increment_follows_a_base_that_was_imported_by_hand(site: Site, service: Service) -> None:
    first = site.seal()
    shutil.copyfile(site.seal(since=1), site.inbox / "second.zip")
    service.until("incomplete")
    site.relay("import", first)
    assert service.until("imported")["generation"] == 2
    assert first.exists()


def test_keep_and_archive_do_what_they_say(site: Site, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    site.configure(kept, options='dispose = "keep"\nsettle_seconds = 0.2\nrescan_seconds = 0.2\n')
    bundle = site.seal()
    with serving(site) as service:
        shutil.copyfile(bundle, kept / "a.zip")
        assert service.until("imported")["file"] == "kept"
        shutil.copyfile(site.seal(), kept / "b.zip")
        service.until("imported")
        assert service.count("importing") == 2
    assert listing(kept) == ["a.zip", "b.zip"]
    site.configure(kept, options='dispose = "archive"\nsettle_seconds = 0.2\nrescan_seconds = 0.2\n')
    with serving(site) as service:
        wait_for(lambda: listing(kept) == ["imported"], seconds=DEADLINE, what="the archive", log=service.log)
    assert listing(kept / "imported") == ["a.zip", "b.zip"]


def test_other_peoples_files_on_a_stick_are_left_alone(site: Site, stick: Path) -> None:
    site.configure(stick)
    files = {"holiday.jpg": b"\xff\xd8" * 10_000, "autorun.inf": b"[autorun]", "notes.txt": b"PK\x03\x04"}
    for name, content in files.items():
        (site.outgoing / name).write_bytes(content)
    bundle = site.seal()
    with (
        serving(site) as service,
        fat_stick(stick, [*(site.outgoing / name for name in files), bundle]),
    ):
        assert service.until("imported")["generation"] == 1
        left = {entry.name.lower(): entry.read_bytes() for entry in stick.iterdir()}
    assert left == files


def test_a_stick_mounted_over_the_watched_inbox_is_seen_and_so_is_the_directory_below_it_afterwards(
    site: Site, stick: Path
) -> None:
    site.configure(stick, options="settle_seconds = 0.3\nrescan_seconds = 600\n")
    with serving(site) as service:
        for _ in range(2):
            with fat_stick(stick, [site.seal()]):
                event = service.until("imported")
                assert event["file"] == "deleted"
                shutil.copyfile(site.seal(), stick / "second.zip")
                service.until("imported")
            shutil.copyfile(site.seal(), stick / "below.zip")
            event = service.until("imported")
            assert event["path"] == str(stick / "below.zip")
    assert site.status()["generation"] == 6


def test_a_stick_that_comes_back_with_the_next_bundle_is_read_again(site: Site, stick: Path) -> None:
    site.configure(stick)
    first, second = site.seal(), site.seal()
    with serving(site) as service:
        with fat_stick(stick, [first]):
            assert service.until("imported")["generation"] == 1
        assert not is_mounted(stick)
        with fat_image(stick, stick.with_suffix(".img")):
            shutil.copyfile(second, stick / "next.zip")
            assert service.until("imported")["generation"] == 2


def test_an_exfat_stick_works_too(site: Site, stick: Path) -> None:
    site.configure(stick)
    with serving(site) as service, exfat_stick(stick):
        shutil.copyfile(site.seal(), stick / "a.zip")
        event = service.until("imported")
        assert event["file"] == "deleted"
        assert listing(stick) == []


def test_a_read_only_medium_is_read_once_and_never_written(site: Site, stick: Path) -> None:
    site.configure(stick)
    good = site.seal()
    forged = site.forge.seal(
        site.outgoing / "forged.zip", Forgery(signers={"timestamp": [new_signer()]}), created=site.now
    )
    with serving(site) as service:
        with squashfs_disc(stick, [good, forged]):
            event = service.until("imported")
            assert event["file"] == "kept"
            assert "the medium is read-only" in event["text"]
            assert service.until("refused")["file"] == "kept"
            shutil.copyfile(site.seal(), site.inbox / "next.zip")
            service.until("imported")
            assert listing(stick) == sorted([good.name, "forged.zip"])
        assert service.count("importing") == 3
        with ext4_disk(stick, read_only_with=[good]):
            assert service.until("refused")["exit_code"] == 22
    assert len(site.quarantine()) == 2


def test_a_full_disk_leaves_the_bundle_and_it_is_imported_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, size_bytes=48 * 1024 * 1024):
        site = Site(disk)
        site.configure(more="[store]\nreserve_mib = 1\n")
        bundle = site.seal(extra={"rules/big.rules": random.Random(1).randbytes(8_000_000)})
        filler = disk / "filler"
        shutil.copyfile(bundle, site.inbox / "a.zip.part")
        free = os.statvfs(disk)
        filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 6_000_000))
        with serving(site) as service:
            (site.inbox / "a.zip.part").rename(site.inbox / "a.zip")
            event = service.until("postponed")
            assert event["code"] == "storage.space"
            assert listing(site.inbox) == ["a.zip"]
            filler.unlink()
            assert service.until("imported")["generation"] == 1


def test_a_bundle_waits_while_another_process_imports(site: Site, service: Service) -> None:
    with subprocess.Popen(
        ["flock", str(site.home.lock_file), "sh", "-c", "echo held; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        shutil.copyfile(site.seal(), site.inbox / "a.zip")
        assert service.until("postponed")["exit_code"] == 41
        assert listing(site.inbox) == ["a.zip"]
        holder.communicate(b"\n")
    assert service.until("imported")["generation"] == 1


def test_without_inotify_the_timer_finds_every_file(site: Site) -> None:
    script = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"'
    no_instances = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]
    with serving(site, wrap=no_instances) as service:
        wait_for(lambda: service.count("waiting") > 0, seconds=30, what="the warning", log=service.log)
        told = next(event["text"] for event in service.events if event["event"] == "waiting")
        assert told.endswith("(inotify instance limit reached); inboxes are listed on the timer only")
        shutil.copyfile(site.seal(), site.inbox / "a.zip")
        assert service.until("imported")["generation"] == 1


def test_a_restart_finds_what_came_while_the_service_was_down(site: Site) -> None:
    with serving(site) as service:
        shutil.copyfile(site.seal(), site.inbox / "a.zip")
        service.until("imported")
        assert service.stop() == 0
    shutil.copyfile(site.seal(), site.inbox / "b.zip")
    with serving(site) as service:
        assert serves(service, 1)
        assert service.until("imported")["generation"] == 2


def slowed(call: str, seconds: float) -> list[str]:
    """Return a command line that delays a system call of the service, which stays the direct child."""
    inject = f"inject={call}:delay_enter={int(seconds * 1_000_000)}"
    return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]


def put_large_bundle(site: Site) -> None:
    big = {f"rules/{number}.bin": random.Random(number).randbytes(2_000_000) for number in range(20)}
    shutil.copyfile(site.seal(extra=big), site.inbox / "a.zip")


def wait_for_content(site: Site, service: Service, least_bytes: int = 1) -> None:
    def is_there() -> bool:
        return sum(entry.stat().st_size for entry in site.home.store.temporary.iterdir()) >= least_bytes

    service.until("importing")
    wait_for(is_there, seconds=DEADLINE, what="content", log=service.log)


def test_a_service_killed_in_the_middle_of_an_import_ends_it_after_the_restart(site: Site) -> None:
    put_large_bundle(site)
    with serving(site, wrap=slowed("syncfs", 5.0)) as service:
        wait_for_content(site, service, least_bytes=40_000_000)
        assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    assert site.status()["generation"] == 0
    assert listing(site.inbox) == ["a.zip"]
    with serving(site) as service:
        assert service.until("imported")["generation"] == 1
        assert serves(service, 1)
    assert listing(site.home.store.temporary) == []
    assert "0 damaged" in site.relay("check").stdout


def test_a_stop_abandons_the_import_under_way_within_five_seconds(site: Site) -> None:
    put_large_bundle(site)
    before = fingerprint(site.home)
    with serving(site, wrap=slowed("write", 0.1)) as service:
        wait_for_content(site, service)
        assert service.stop(seconds=5.0) == 0
        assert service.count("abandoned") == 1
        assert service.events[-1]["event"] == "stopped"
    assert listing(site.inbox) == ["a.zip"]
    assert fingerprint(site.home) == before


def test_a_stop_cuts_off_an_import_that_the_disk_holds_up(site: Site) -> None:
    put_large_bundle(site)
    with serving(site, wrap=slowed("syncfs", 12.0)) as service:
        wait_for_content(site, service, least_bytes=40_000_000 + len(site.forge.files["rules/001.rules"]))
        service.process.send_signal(signal.SIGINT)  # strace lets the process end only after the delay
        assert "cut off" in service.until("abandoned", seconds=8.0)["text"]
        service.until("stopped", seconds=2.0)
    assert site.status()["generation"] == 0
    assert listing(site.inbox) == ["a.zip"]
    with serving(site) as service:
        assert service.until("imported")["generation"] == 1


def test_links_and_fifos_in_the_inbox_are_never_opened(site: Site, service: Service, tmp_path: Path) -> None:
    (site.inbox / "link.zip").symlink_to(site.seal())
    os.mkfifo(site.inbox / "fifo.zip")
    shutil.copyfile(site.seal(), site.inbox / "real.zip")
    assert service.until("imported")["generation"] == 2
    assert listing(site.inbox) == ["fifo.zip", "link.zip"]
    assert service.count("importing") == 1


def test_relay_import_by_hand_beside_the_service_leaves_the_file_and_the_service_serves_it(
    site: Site, service: Service
) -> None:
    bundle = site.seal()
    site.relay("import", bundle)
    receipt = verify_receipt((site.home.out / "receipt.json").read_bytes()).receipt
    assert (receipt.generations, receipt.rings) == ((1,), (("default", 1),))
    wait_for(lambda: serves(service, 1), seconds=DEADLINE, what="generation 1", log=service.log)
    assert bundle.exists()


def test_a_generation_that_was_held_and_not_activated_is_served_after_the_next_start(site: Site) -> None:
    """The process that imported it was killed between the two."""
    import_alone(Context(site.home, load_config(site.home.path), system_clock), site.seal())
    assert site.status()["generation"] == 0
    with serving(site) as service:
        wait_for(lambda: serves(service, 1), seconds=DEADLINE, what="generation 1", log=service.log)
        wait_for((site.home.out / "receipt.json").exists, seconds=DEADLINE, what="a receipt", log=service.log)
    assert site.status()["generation"] == 1
