"""A first look at a settled file: does it begin and end like a bundle, and is anybody still writing it?

This is no verification. It keeps half-copied files from being refused and other people's files from being
touched; whether a bundle is believed is decided by :mod:`manifests.bundle.verify` alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import struct
from contextlib import suppress
from pathlib import Path

from manifests.bundle.claimed import claimed_manifest
from manifests.errors import SealiftError
from manifests.manifest import NAME
from relay.inbox.listing import stamp_of
from relay.inbox.settle import Claim, Look, Shape, Stamp

_LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_NAME = NAME.encode("ascii")
_LOCAL_BYTES, _CENTRAL_BYTES = 30, 46
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_FULL_32 = 0xFFFFFFFF


def look(path: Path, stamp: Stamp, *, named_as_bundle: bool) -> Look | None:
    """Open a file once and say what it seems to be.

    Args:
        path: The file.
        stamp: What the listing said of it.
        named_as_bundle: Whether its name ends in ``.zip``.

    Returns:
        What it seems to be; ``None`` when it is gone or no longer the file of the listing.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO}:
            return None
        return Look(Shape.UNREADABLE, f"it cannot be opened ({error.strerror})")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or stamp_of(status) != stamp:
            return None
        return _judge(descriptor, status, named_as_bundle=named_as_bundle)
    except OSError as error:
        return Look(Shape.UNREADABLE, f"it cannot be read ({error.strerror})")
    finally:
        with suppress(OSError):  # a stick that is gone says so on closing too
            os.close(descriptor)


def claim(path: Path, stamp: Stamp) -> Claim | None:
    """Read which snapshot version and volume a file claims to be, for an order; ``None`` when that is unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or stamp_of(status) != stamp:
                return None
            manifest = claimed_manifest(file)
    except (OSError, SealiftError):
        return None
    return manifest.snapshot_version, manifest.volume_index


def _judge(descriptor: int, status: os.stat_result, *, named_as_bundle: bool) -> Look:
    head = os.pread(descriptor, _LOCAL_BYTES + len(_NAME), 0)
    first = _name_at(head, _LOCAL, 26, _LOCAL_BYTES)
    ends, listed = _first_listed(descriptor, status.st_size)
    if first != _NAME and listed != _NAME:
        if ends or first is not None:
            return Look(Shape.FOREIGN, "it is a zip, but not a bundle")
        if not named_as_bundle:
            return Look(Shape.FOREIGN, "it is not a bundle")
    if is_open_for_writing(descriptor):
        return Look(_shape(ends=ends), "another program still has it open for writing", busy=True)
    if status.st_nlink > 1:
        return Look(_shape(ends=ends), f"it has {status.st_nlink} names", busy=True)
    return Look(_shape(ends=ends), "" if ends else "its end is missing: the copy is not complete")


def _shape(*, ends: bool) -> Shape:
    return Shape.WHOLE if ends else Shape.PARTIAL


def _name_at(record: bytes, signature: bytes, length_at: int, name_at: int) -> bytes | None:
    """Return the beginning of the name in a local or central header; ``None`` while it is not there yet."""
    length = int.from_bytes(record[length_at : length_at + 2], "little")
    name = record[name_at : name_at + length]
    if not record.startswith(signature) or len(name) < min(length, len(_NAME)) or not name or b"\0" in name:
        return None  # not such a header, cut off, or room that is not written yet
    return name if length == len(name) else name + b"..."


def _first_listed(descriptor: int, size: int) -> tuple[bool, bytes | None]:
    """Tell whether a central directory and its end stand at the very end, and which name it lists first.

    Source: APPNOTE 4.3.14-4.3.16; our bundles have no comment, so the end record is the last 22 bytes.
    """
    place = _directory_place(descriptor, size)
    if place is None:
        return False, None
    offset, length = place
    record = os.pread(descriptor, _CENTRAL_BYTES + len(_NAME), offset)
    name = _name_at(record, _CENTRAL, 28, _CENTRAL_BYTES) if length >= _CENTRAL_BYTES else None
    return name is not None, name


def _directory_place(descriptor: int, size: int) -> tuple[int, int] | None:
    """Return offset and length of the central directory, if the end records agree with where they stand."""
    end_at = size - _END.size
    tail = os.pread(descriptor, _END.size, end_at) if end_at >= 0 else b""
    if len(tail) != _END.size or not tail.startswith(b"PK\x05\x06"):
        return None
    *_, count, length, offset, _comment = _END.unpack(tail)
    directory_end = end_at
    locator_at = end_at - _LOCATOR.size
    locator = os.pread(descriptor, _LOCATOR.size, locator_at) if locator_at >= 0 else b""
    if (count == 0xFFFF or _FULL_32 in {length, offset}) and locator.startswith(b"PK\x06\x07"):
        directory_end = _LOCATOR.unpack(locator)[2]
        record = os.pread(descriptor, _END_64.size, directory_end) if directory_end < size else b""
        if len(record) != _END_64.size or not record.startswith(b"PK\x06\x06"):
            return None
        *_, length, offset = _END_64.unpack(record)
    return (offset, length) if offset + length == directory_end else None


def is_open_for_writing(descriptor: int) -> bool:
    """Tell whether some process of this machine has the file open for writing, as far as can be known.

    A read lease is granted only while nobody writes; it is given back at once. Where leases do not exist
    (FUSE, network file systems) or the file is another user's, the answer is no, and the settle rules
    stand alone. A writer who comes within that instant waits for microseconds; the signal that the kernel
    would send us is one that is ignored by default.

    Source: fcntl(2), F_SETLEASE and F_SETSIG.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
