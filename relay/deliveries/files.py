"""One directory of another program: the only place of deliveries where files are written, named and removed.

Everything is done by names in the open directory, and no link is ever followed.
"""

from __future__ import annotations

import ctypes
import errno
import grp
import hashlib
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from manifests.disk.blobs import CHUNK_BYTES, Blob
from manifests.disk.durable import require_room, storage_errors
from manifests.errors import ConfigurationError, NotAuthenticError, SealiftError, StorageError
from relay.config import DeliveryConfig

TEMPORARY = ".sealift-{}.part"
"""Hidden, and ending in nothing that a vendor's program looks for."""
_NO_REPLACE = 1
_NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})

_libc = ctypes.CDLL(None, use_errno=True)


class DeliveryDirectory:
    """An open directory of another program. Use :func:`open_directory`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def has_name(self, name: str) -> bool:
        """Tell whether anything has this name."""
        return self._status(name) is not None

    def is_one_file(self, one: str, other: str) -> bool:
        """Tell whether two names stand for one file."""
        first, second = self._status(one), self._status(other)
        return first is not None and second is not None and os.path.samestat(first, second)

    def hash_file(self, name: str) -> Blob | None:
        """Hash a file; ``None`` for nothing, and for anything but a regular file."""
        status = self._status(name)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=self._descriptor), "rb") as file:
            hasher, length = hashlib.sha256(), 0
            while chunk := file.read(CHUNK_BYTES):
                hasher.update(chunk)
                length += len(chunk)
        return Blob(hasher.hexdigest(), length)

    def require_room(self, length: int) -> None:
        """Refuse a file for which there is no room.

        Raises:
            StorageError: ``storage.space``.
        """
        require_room(self.path, length, todo="make room; it is tried again by itself")

    def write_temporary(self, name: str, chunks: Iterable[bytes], expected: Blob, config: DeliveryConfig) -> None:
        """Write a temporary file, durably; remove it again if anything fails.

        Raises:
            NotAuthenticError: ``delivery.damaged``: the store's content is not what it was.
            ConfigurationError: ``delivery.owner``.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(name, flags, 0o600, dir_fd=self._descriptor)
            with os.fdopen(descriptor, "wb") as file:
                _copy(chunks, file, expected)
                _own(descriptor, config)
                os.fchmod(descriptor, config.mode)
                os.fsync(descriptor)
        except (OSError, SealiftError):
            with suppress(OSError):
                self.remove_file(name)
            raise

    def give_name(self, temporary: str, name: str) -> None:
        """Give a temporary file its name, durably, unless something has that name.

        Raises:
            StorageError: ``delivery.foreign``; the temporary file is still there.

        Source: renameat2(2), ``RENAME_NOREPLACE``; on file systems without it, link(2) and unlink(2).
        """
        result = _libc.renameat2(
            self._descriptor, os.fsencode(temporary), self._descriptor, os.fsencode(name), _NO_REPLACE
        )
        number = ctypes.get_errno() if result else 0
        try:
            if number in _NOT_SUPPORTED:
                os.link(
                    temporary, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor, follow_symlinks=False
                )
                os.unlink(temporary, dir_fd=self._descriptor)
            elif number:
                raise OSError(number, os.strerror(number), str(self.path / name))
        except FileExistsError as error:
            raise self.foreign_file(name) from error
        os.fsync(self._descriptor)

    def foreign_file(self, name: str) -> StorageError:
        """Return the error for a name that something else has."""
        return StorageError(
            "delivery.foreign",
            f"There is a {self.path / name} that was not delivered from here",
            need="that name to be free",
            todo="look at it, then move or remove it; delivery is tried again by itself",
        )

    def remove_file(self, name: str) -> None:
        """Remove a file durably; nothing happens when it is gone."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)
        os.fsync(self._descriptor)

    def _status(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None


@contextmanager
def open_directory(path: Path) -> Iterator[DeliveryDirectory]:
    """Open a directory of another program for the block.

    Raises:
        StorageError: ``delivery.missing`` when it is not there; ``storage.*`` for what fails in the block.
    """
    with storage_errors(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StorageError(
                "delivery.missing",
                f"{path} is not there, or no directory",
                need="the directory of the program that the files are for",
                todo="install that program, mount its disk, or correct directory in relay.toml; it is tried again",
            ) from error
        try:
            yield DeliveryDirectory(path, descriptor)
        finally:
            os.close(descriptor)


def _copy(chunks: Iterable[bytes], file: BinaryIO, expected: Blob) -> None:
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
        file.write(chunk)
    file.flush()
    if Blob(hasher.hexdigest(), file.tell()) != expected:
        raise NotAuthenticError("delivery.damaged", "What the store holds is not what was stored", todo="relay check")


def _own(descriptor: int, config: DeliveryConfig) -> None:
    if config.owner is None:
        return
    user, _, group = config.owner.partition(":")
    try:
        account = pwd.getpwnam(user)
        gid = grp.getgrnam(group).gr_gid if group else account.pw_gid
    except KeyError as error:
        raise ConfigurationError(
            "delivery.owner",
            f"Place {config.name}: there is no user or group {config.owner!r} on this machine",
            todo="correct owner in relay.toml",
        ) from error
    os.fchown(descriptor, account.pw_uid, gid)
