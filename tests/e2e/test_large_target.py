"""A target larger than any stick: in parts on three FAT32 sticks, in the wrong order, one of them read twice."""

from __future__ import annotations

import filecmp
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import BIN, run
from tests.support.media import ext4_disk, fat_stick
from tests.support.memory import CEILING_BYTES, MIB, peak_memory
from tests.support.publisher import Publisher

pytestmark = pytest.mark.needs("root", "strace", "fusefat", "mkfs.vfat", "mcopy", "mkfs.ext4")

MINUTES = 60
INCOMPLETE = 24
SHORT_BYTES, FULL_BYTES = 42_000_000, 4_200_000_000
NAME = "vsapi.ptn"
FAILING = "read,pread64,readv,preadv,preadv2"
FIRST_FAILURE = 24
"""After so many calls of a kind the stick cannot be read: its beginning was, most of its content was not."""


@dataclass(frozen=True)
class Site:
    """A relay by its commands, on a disk that has no room for a second copy."""

    home: Path

    def relay(self, *arguments: object) -> str:
        return run([BIN / "relay", "--home", self.home, "--quiet", *arguments], timeout=30 * MINUTES).stdout

    def take(self, bundle: Path, *, exit_code: int = INCOMPLETE) -> int:
        """Import a bundle and return the peak memory of doing so."""
        command = [BIN / "relay", "--home", self.home, "--quiet", "import", bundle]
        return peak_memory(command, exit_code=exit_code, timeout=30 * MINUTES)

    def take_with_failing_reads(self, bundle: Path) -> str:
        """Import a bundle from a stick that cannot be read from some place on; return what is said."""
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", bundle, "-e", f"trace={FAILING}"]
        strace += ["-e", f"inject={FAILING}:error=EIO:when={FIRST_FAILURE}+"]
        command = [*strace, BIN / "relay", "--home", self.home, "--quiet", "import", bundle]
        return run(command, check=False, timeout=30 * MINUTES).stderr

    def pending(self) -> list[dict[str, object]]:
        """Return what status says of generations that are not whole."""
        return json.loads(self.relay("status", "-o", "json"))["pending"]

    def used_bytes(self) -> int:
        """Return what the store takes on the disk, files in the making included."""
        found = [*(self.home / "blobs").rglob("*"), *(self.home / "tmp").rglob("*")]
        return sum(path.stat().st_blocks * 512 for path in found if path.is_file())


@contextmanager
def plugged_in(mount_point: Path, bundle: Path) -> Iterator[Path]:
    """Plug in a FAT32 stick that holds one bundle; afterwards neither takes any room."""
    length_mib = bundle.stat().st_size // MIB
    with fat_stick(mount_point, [bundle], size_mib=None if length_mib < 500 else length_mib + 256):
        yield mount_point / bundle.name
    mount_point.with_suffix(".img").unlink()
    bundle.unlink()


def fill(path: Path, length: int) -> None:
    """Write content that nothing compresses."""
    with path.open("wb") as file:
        while file.tell() < length:
            file.write(os.urandom(min(MIB, length - file.tell())))


@pytest.mark.parametrize(
    "length", [pytest.param(SHORT_BYTES, id="42MB"), pytest.param(FULL_BYTES, id="4.2GB", marks=pytest.mark.long)]
)
def test_a_large_target_comes_in_on_three_fat_sticks_in_any_order_without_a_copy(tmp_path: Path, length: int) -> None:
    publisher = Publisher.found(tmp_path / "dmz", "patterns")
    target = publisher.content / "patterns" / NAME
    fill(target, length)
    create = [BIN / "bundle", "--home", publisher.home, "--quiet", "create", "--out", publisher.out]
    creating = peak_memory([*create, "--volume-size", length * 36 // 100], timeout=30 * MINUTES)
    first, second, third = sorted(publisher.out.glob("*.zip"))

    disk, stick = tmp_path / "disk", tmp_path / "stick"
    disk.mkdir()
    stick.mkdir()
    with ext4_disk(disk, size_mib=length * 5 // 4 // MIB + 24):
        site = Site(disk / "site")
        site.relay("init", "--root", publisher.root)
        config = site.home / "relay.toml"
        config.write_text(config.read_text("utf-8").replace("# reserve_mib = 64", "reserve_mib = 0"), "utf-8")

        with plugged_in(stick, third) as bundle:
            importing = [site.take(bundle)]
        assert site.used_bytes() < length * 1.01 + MIB

        with plugged_in(stick, first) as bundle:
            said = site.take_with_failing_reads(bundle)
            assert "[bundle.damaged]" in said
            assert "storage.io" in said
            (before,) = site.pending()
            importing.append(site.take(bundle))
        (after,) = site.pending()
        assert after["missing_bytes"] < before["missing_bytes"] < length
        assert after["volumes_seen"] == [1, 3]

        with plugged_in(stick, second) as bundle:
            importing.append(site.take(bundle, exit_code=0))
        status = json.loads(site.relay("status", "-o", "json"))
        assert (status["generation"], status["pending"]) == (1, [])
        assert list((site.home / "tmp").iterdir()) == []
        (stored,) = (path for path in (site.home / "blobs").rglob("*") if path.is_file())
        assert filecmp.cmp(stored, target, shallow=False)
        assert site.used_bytes() < length * 1.01 + MIB
    print(f"peak memory: create {creating / 1e6:.0f} MB, import {max(importing) / 1e6:.0f} MB")
    assert max(creating, *importing) <= CEILING_BYTES
