"""Durable writes: what is reported as written is there after a power cut.

The order is always: write beside, fsync the file, rename, fsync the directory. On failure nothing
is left behind and the old content is untouched.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from manifests.errors import StorageError, UsageError
from manifests.text import count_text

_CAUSES = {
    errno.ENOSPC: ("storage.full", "The disk is full"),
    errno.EDQUOT: ("storage.full", "The disk quota is used up"),
    errno.EROFS: ("storage.read-only", "The file system is read-only"),
    errno.EACCES: ("storage.permission", "Permission was denied"),
    errno.EPERM: ("storage.permission", "Permission was denied"),
    errno.EFBIG: ("storage.file-too-large", "The file system cannot hold a file this large (FAT32 ends at 4 GiB)"),
}

_SYNC_FILE_RANGE_WRITE = 2

_DEVICES = Path("/dev")
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a :class:`StorageError` that names ``path``.

    Raises:
        StorageError: ``storage.full``, ``.read-only``, ``.permission``, ``.file-too-large`` or ``.io``.
    """
    try:
        yield
    except OSError as error:
        code, what = _CAUSES.get(error.errno or 0, ("storage.io", f"Reading or writing failed ({error.strerror})"))
        place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else path
        raise StorageError(code, f"{what}: {place}", path=place, errno=error.errno) from error


def free_bytes(directory: Path) -> int | None:
    """Return how many bytes an ordinary user may still write below a directory; None where that is not told.

    Raises:
        StorageError: It cannot be asked.
    """
    with storage_errors(directory):
        room = os.statvfs(directory)
    return room.f_bavail * room.f_frsize if room.f_blocks else None


def require_room(
    directory: Path, needed_bytes: int, *, reserve_bytes: int = 0, what: str | None = None, todo: str | None = None
) -> None:
    """Refuse to begin a write that the disk has no room for.

    Args:
        directory: Where it would go.
        needed_bytes: What it takes.
        reserve_bytes: What must be left beside it.
        what: What there is too little room for, as a sentence; by default it names the directory.
        todo: What to do about it.

    Raises:
        StorageError: ``storage.space``.
    """
    free, needed = free_bytes(directory), needed_bytes + reserve_bytes
    if free is None or free >= needed:
        return
    raise StorageError(
        "storage.space",
        what or f"There is too little room in {directory}",
        have=f"{count_text(free, 'byte')} free in {directory}",
        need=count_text(needed, "byte") + (f", {reserve_bytes:,} of them in reserve" if reserve_bytes else ""),
        todo=todo or "make room, then try again: nothing has changed",
        path=directory,
        free=free,
        needed=needed,
    )


def fsync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(directory: Path) -> None:
    """Make everything written so far to the file system of ``directory`` durable, names included.

    Source: syncfs(2); since Linux 5.8 it reports write-back errors.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)


def start_writing(descriptor: int) -> None:
    """Let the disk begin with what was written to a file so far, and go on meanwhile; nothing is promised by it.

    Unlike POSIX_FADV_DONTNEED it keeps what was written in memory, for whoever reads it next. A file system that
    cannot do it waits for the fsync, which tells all errors.

    Source: sync_file_range(2), SYNC_FILE_RANGE_WRITE alone.
    """
    _libc.sync_file_range(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _SYNC_FILE_RANGE_WRITE)


def replace_file(temporary: Path, path: Path) -> None:
    """Rename an already synced file into place and make the name durable."""
    temporary.replace(path)
    fsync_directory(path.parent)


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Remove ``path`` again when the block that makes it fails."""
    try:
        yield
    except BaseException:
        with suppress(FileNotFoundError):
            path.unlink()
        raise


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace the content of ``path`` durably and at once.

    Raises:
        UsageError: ``file.kind``: there is a device, a pipe or a directory, which a file would take the place of.
        StorageError: The disk is full, read-only or failing; the old content is untouched.
    """
    _require_replaceable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    with storage_errors(path), removed_on_failure(temporary):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        replace_file(temporary, path)


def _require_replaceable(path: Path) -> None:
    """Refuse what no file may take the place of; ``/dev/stdout`` is a link to one, and stays."""
    with storage_errors(path):
        if not path.exists() or (path.is_file() and not (path.is_symlink() and path.parent == _DEVICES)):
            return
        kind = "a directory" if path.is_dir() else "a device or a pipe"
    raise UsageError("file.kind", f"{path} is {kind}", need="the name of a file to write")


def make_directory(path: Path, *, mode: int = 0o755) -> None:
    """Create a directory and its parents durably; one that is there already is fine."""
    with storage_errors(path):
        missing = [entry for entry in (path, *path.parents) if not entry.exists()]
        for entry in reversed(missing):
            entry.mkdir(mode=mode, exist_ok=True)
            fsync_directory(entry.parent)
