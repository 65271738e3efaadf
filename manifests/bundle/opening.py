"""Opening a file that may be a bundle: once, and only if nobody else can change it by another name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from manifests.disk.durable import storage_errors
from manifests.errors import IrregularFileError


@contextmanager
def open_bundle(path: Path) -> Iterator[BinaryIO]:
    """Open a file that may be anything, once, for everything that follows.

    Raises:
        IrregularFileError: ``bundle.not-a-file`` for links, directories and devices;
            ``bundle.hard-link`` for a file that another name could change.
        StorageError: The file cannot be read.
    """
    with storage_errors(path):
        if path.is_symlink():
            raise IrregularFileError(
                "bundle.not-a-file", f"{path} is a symbolic link", need="a regular file", path=path
            )
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):  # before fdopen, which has an error of its own for directories
        os.close(descriptor)
        raise IrregularFileError("bundle.not-a-file", f"{path} is not a regular file", path=path)
    file = os.fdopen(descriptor, "rb", buffering=0)
    try:
        if status.st_nlink > 1:
            raise IrregularFileError(
                "bundle.hard-link", f"{path} has {status.st_nlink} names", need="a file with one name", path=path
            )
        with storage_errors(path):
            yield file
    finally:
        with suppress(OSError):  # a stick that is gone says so on closing too; nothing was written
            file.close()
