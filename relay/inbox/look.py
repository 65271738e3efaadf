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
from contextlib import suppress
from pathlib import Path

from manifests.bundle.claimed import claimed_manifest
from manifests.container.recognise import outline_file
from manifests.errors import SealiftError
from manifests.manifest import MANIFEST_NAME
from relay.inbox.listing import stamp_of
from relay.inbox.readiness import ClaimedVersion, FileStamp, FirstLook, Likeness


def look_at_file(path: Path, stamp: FileStamp, *, named_as_bundle: bool) -> FirstLook | None:
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
        return FirstLook(Likeness.UNREADABLE, f"it cannot be opened ({error.strerror})")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or stamp_of(status) != stamp:
            return None
        return _judge_ends(descriptor, status, named_as_bundle=named_as_bundle)
    except OSError as error:
        return FirstLook(Likeness.UNREADABLE, f"it cannot be read ({error.strerror})")
    finally:
        with suppress(OSError):  # a stick that is gone says so on closing too
            os.close(descriptor)


def read_claimed_version(path: Path, stamp: FileStamp) -> ClaimedVersion | None:
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


def _judge_ends(descriptor: int, status: os.stat_result, *, named_as_bundle: bool) -> FirstLook:
    outline = outline_file(descriptor, status.st_size, MANIFEST_NAME)
    ends = outline.ends_as_zip
    if not outline.names_first_member:
        if ends or outline.begins_as_zip:
            return FirstLook(Likeness.FOREIGN, "it is a zip, but not a bundle")
        if not named_as_bundle:
            return FirstLook(Likeness.FOREIGN, "it is not a bundle")
    if is_open_for_writing(descriptor):
        return FirstLook(_likeness(ends=ends), "another program still has it open for writing", busy=True)
    if status.st_nlink > 1:
        return FirstLook(_likeness(ends=ends), f"it has {status.st_nlink} names", busy=True)
    return FirstLook(_likeness(ends=ends), "" if ends else "its end is missing: the copy is not complete")


def _likeness(*, ends: bool) -> Likeness:
    return Likeness.WHOLE if ends else Likeness.PARTIAL


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
