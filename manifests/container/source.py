"""Reading pieces of a container file, with the errors of disks and sticks in our own terms."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, Final

from manifests.disk.durable import storage_errors
from manifests.errors import DamagedContainerError
from manifests.text import count_text

CHUNK_BYTES: Final = 1024 * 1024
"""The most that is read of a file at a time."""


def file_size(file: BinaryIO) -> int:
    """Return a file's length in bytes.

    Raises:
        StorageError: The medium cannot be read.
    """
    with storage_errors(_path(file)):
        return file.seek(0, os.SEEK_END)


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Return exactly ``length`` bytes from ``offset``.

    An unbuffered file may be shared by threads: its position is neither used nor moved.

    Raises:
        DamagedContainerError: ``zip.truncated``, the file ends before; it shrank after it was measured.
        StorageError: The medium cannot be read.
    """
    try:
        if isinstance(file, io.FileIO):
            data = _read_unbuffered(file.fileno(), offset, length)
        else:
            file.seek(offset)
            data = file.read(length)
            while len(data) < length and (more := file.read(length - len(data))):
                data += more
    except OSError:
        with storage_errors(_path(file)):
            raise
    if len(data) != length:
        raise DamagedContainerError(
            "zip.truncated",
            "The file ends in the middle",
            have=count_text(offset + len(data), "byte"),
            need="all of it",
        )
    return data


def _read_unbuffered(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    while len(data) < length and (more := os.pread(descriptor, length - len(data), offset + len(data))):
        data += more
    return data


class ByteWindow:
    """Takes consecutive pieces of a range of a file that is read in chunks."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._next = start
        self._end = end
        self._buffer = b""
        self._position = 0

    @property
    def left(self) -> int:
        """How many bytes of the range were not taken yet."""
        return self._end - self._next + len(self._buffer) - self._position

    def take(self, length: int) -> bytes:
        """Return the next ``length`` bytes, or fewer at the end of the range."""
        if len(self._buffer) - self._position < length and self._next < self._end:
            chunk = read_at(self._file, self._next, min(CHUNK_BYTES, self._end - self._next))
            self._next += len(chunk)
            self._buffer = self._buffer[self._position :] + chunk
            self._position = 0
        piece = self._buffer[self._position : self._position + length]
        self._position += len(piece)
        return piece


def _path(file: BinaryIO) -> Path:
    return Path(str(getattr(file, "name", "the container")))
