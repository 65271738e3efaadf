"""A disk that can lose its power: ext4 in a file, cut off by the kernel as if the plug were pulled.

Needs root and loop devices. FS_IOC_SHUTDOWN without a log flush drops everything that was not made durable.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.child import Acknowledge, Child

_FS_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2


_MEMORY = Path("/dev/shm")


@contextmanager
def fast_directory() -> Iterator[Path]:
    """Make a temporary directory in memory, where there is such a place.

    The file system on the image loses what it was not told to keep, wherever the image lies; only the
    thousands of flushes are faster.
    """
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, prefix="sealift-disk-") as name:
        yield Path(name)


class PowerCutDisk:
    """An ext4 file system of its own.

    Args:
        directory: Where its image and mount point are.
        size_mib: How large it is.
    """

    def __init__(self, directory: Path, size_mib: int = 32) -> None:
        directory.mkdir(parents=True)
        self.path = directory / "mounted"
        self._image = directory / "disk.img"
        self._saved = directory / "saved.img"
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(size_mib * 2**20)
        _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-O", "^resize_inode", "-E", "nodiscard", self._image)

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """Have the disk mounted for the block; nothing is ever written back on a timer.

        The image is a new file each time: a process in a mount namespace of its own may still hold the file
        system that was cut off, and a loop device of the same file would find that one.
        """
        self._copy(self._image, self._image)
        _run("mount", "-o", "loop,commit=3600", self._image, self.path)
        try:
            yield self.path
        finally:
            _unmount(self.path)

    def cut(self) -> None:
        """Pull the plug. What was not synced is gone; every later write fails."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _FS_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def run(self, work: Callable[[Acknowledge], int], cut_after_seconds: float | None) -> tuple[int, int, float]:
        """Do some work in a child on the disk as it was saved, and pull the plug after so long (or never).

        A cut ends no process, and a flush under way at that instant may report success for what is gone: plain
        write and fdatasync show it too. So what is acknowledged late binds nobody; with the power really off,
        nobody would have heard it.

        Returns:
            The acknowledgements before the cut, those after it, and the time in seconds.
        """
        self.restore()
        with self.mounted():
            child = Child(work)
            started = time.monotonic()
            child.go()
            before = None
            if cut_after_seconds is not None:
                time.sleep(cut_after_seconds)  # the instant under test, not a synchronisation
                before = child.acknowledged()
                self.cut()
            total = child.wait().acknowledged
            before = total if before is None else before
            return before, total - before, time.monotonic() - started

    def save(self) -> None:
        """Keep the disk as it is now, unmounted, for :meth:`restore`."""
        self._copy(self._image, self._saved)

    def restore(self) -> None:
        """Make the disk what it was at :meth:`save`."""
        self._copy(self._saved, self._image)

    def _copy(self, source: Path, destination: Path) -> None:
        copy = destination.with_suffix(".new")
        _run("cp", "--sparse=always", source, copy)
        copy.replace(destination)


def _unmount(path: Path) -> None:
    done = subprocess.run(["umount", path], capture_output=True, check=False)
    if done.returncode != 0:  # somebody still holds it: let it go when they do
        _run("umount", "--lazy", path)


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, stdin=subprocess.DEVNULL)
