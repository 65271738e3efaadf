"""Sticks and other media: real file systems in image files, mounted where a test wants them, gone in the end.

FAT32 and exFAT by FUSE (fusefat, exfat-fuse), read-only media by squashfs and ext4 on loop devices, small disks
by tmpfs. Needs root, /dev/fuse and: fuse fusefat dosfstools mtools exfat-fuse exfatprogs squashfs-tools e2fsprogs.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_MIB = 1024 * 1024
_UNMOUNT_SECONDS = 30.0


@contextmanager
def fat_stick(mount_point: Path, files: Iterable[Path] = (), *, size_mib: int | None = None) -> Iterator[Path]:
    """Plug in a FAT32 stick that holds ``files``; its image, ``<mount point>.img``, is left for a look inside.

    Args:
        mount_point: An existing directory; what it holds is hidden meanwhile.
        files: What lies on the stick.
        size_mib: Its size; by default large enough.

    Yields:
        The mount point.
    """
    files = list(files)
    image = mount_point.with_suffix(".img")
    # One sector per cluster: 64 MiB then has the 65,525 clusters that make it FAT32.
    _blank(image, size_mib or 64 + sum(file.stat().st_size for file in files) * 2 // _MIB)
    _run("mkfs.vfat", "-F", "32", *([] if size_mib else ["-s", "1"]), image)
    for file in files:
        _run("mcopy", "-i", image, file, f"::{file.name}")
    with fat_image(mount_point, image):
        yield mount_point


@contextmanager
def fat_image(mount_point: Path, image: Path) -> Iterator[Path]:
    """Plug in a stick that exists already."""
    with _mounted(mount_point, ["fusefat", "-o", "rw+", image, mount_point]):
        yield mount_point


@contextmanager
def exfat_stick(mount_point: Path, *, size_mib: int = 64) -> Iterator[Path]:
    """Plug in an empty exFAT stick."""
    image = mount_point.with_suffix(".img")
    _blank(image, size_mib)
    _run("mkfs.exfat", image)
    with _loop(image) as device, _mounted(mount_point, ["mount.exfat-fuse", device, mount_point]):
        yield mount_point


@contextmanager
def squashfs_disc(mount_point: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Insert a medium that can never be written: a squashfs image."""
    image = mount_point.with_suffix(".img")
    image.unlink(missing_ok=True)
    _run("mksquashfs", *files, image, "-quiet", "-no-progress")
    with _mounted(mount_point, ["mount", "-o", "loop,ro", "-t", "squashfs", image, mount_point]):
        yield mount_point


@contextmanager
def ext4_disk(mount_point: Path, *, size_mib: int = 64, read_only_with: Sequence[Path] = ()) -> Iterator[Path]:
    """Mount an ext4 image; with ``read_only_with`` those files are put in and it is mounted read-only."""
    image = mount_point.with_suffix(".img")
    _blank(image, size_mib)
    _run("mkfs.ext4", "-q", "-F", image)
    if read_only_with:
        with _mounted(mount_point, ["mount", "-o", "loop", image, mount_point]):
            for file in read_only_with:
                _run("cp", file, mount_point)
    with _mounted(mount_point, ["mount", "-o", "loop,ro" if read_only_with else "loop", image, mount_point]):
        yield mount_point


@contextmanager
def small_disk(mount_point: Path, *, size_bytes: int) -> Iterator[Path]:
    """Mount a tmpfs that is full soon."""
    with _mounted(mount_point, ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", mount_point]):
        yield mount_point


def is_mounted(mount_point: Path) -> bool:
    """Tell whether something is mounted exactly there."""
    lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    return str(mount_point.resolve()) in {line.split(" ")[4] for line in lines}


@contextmanager
def _mounted(mount_point: Path, command: Sequence[object]) -> Iterator[None]:
    _run(*command)
    try:
        yield
    finally:
        _unmount(mount_point)


def _unmount(mount_point: Path) -> None:
    """Unmount; whoever reads there at the moment (the relay lists its inboxes) is given time to leave."""
    deadline = time.monotonic() + _UNMOUNT_SECONDS
    while is_mounted(mount_point):
        done = subprocess.run(["umount", str(mount_point)], capture_output=True, text=True, check=False)
        if done.returncode != 0 and time.monotonic() > deadline:
            subprocess.run(["umount", "-l", str(mount_point)], check=False)
            raise AssertionError(f"{mount_point} stays busy: {done.stderr}")
        time.sleep(0.02)


@contextmanager
def _loop(image: Path) -> Iterator[str]:
    device = _run("losetup", "--find", "--show", image).strip()
    try:
        yield device
    finally:
        _run("losetup", "--detach", device)


def _blank(image: Path, size_mib: int) -> None:
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(size_mib * _MIB)


def _run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} left with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
