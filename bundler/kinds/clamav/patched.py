"""Databases that freshclam patched on this machine (``.cld``): no signature is of such a file as a whole.

In it stands the list that its vendor signed, with the SHA-256 of each part; ``clamd`` and ``freshclam`` verify that
signature when they load it. Here the parts are compared with the list, which finds damage and not forgery.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import zlib
from collections.abc import Mapping
from typing import BinaryIO

from bundler.kinds.clamav.files import HEADER_BYTES, DatabaseHeader, read_header
from manifests.errors import MalformedError, NotAuthenticError
from manifests.limits import GIB, MIB

_LIST_BYTES = MIB
"""Ceiling on the list inside a database: a line for each of some thirty parts takes a few thousand bytes."""
_CONTENT_BYTES = 16 * GIB
"""Ceiling on what a compressed one holds; the largest of today holds some 0.4 GB."""
_PARTS = 1000
_CHUNK_BYTES = MIB
_LINE = re.compile(r"([^:/\s]{1,100}):([0-9]{1,12}):([0-9a-f]{64})")
_NO_MD5 = b":X:X:"
_ZERO_MD5 = b":%s:X:" % (b"0" * 32)


def read_patched_header(data: bytes, *, name: str) -> DatabaseHeader:
    """Read the header of a patched database, which has an ``X`` in place of the MD5 and the signature.

    Args:
        data: The file's first ``HEADER_BYTES``.
        name: What to call the file in errors.

    Raises:
        MalformedError: ``clamav.header``.
    """
    given = data[:HEADER_BYTES]
    patched = given.replace(_NO_MD5, _ZERO_MD5, 1).rstrip().ljust(len(given))
    return read_header(patched, name=name)


def check_parts(file: BinaryIO, *, name: str) -> int:
    """Refuse a patched database whose parts are not what the list inside it says.

    Args:
        file: The database, at its beginning.
        name: What to call it in errors.

    Returns:
        How many parts have the SHA-256 that the list gives.

    Raises:
        MalformedError: ``clamav.cld`` when it cannot be read, or has no list.
        NotAuthenticError: ``clamav.sha256``.
    """
    file.seek(HEADER_BYTES)
    listed: Mapping[str, str] = {}
    found: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:*") as tar:
            total = 0
            for count, member in enumerate(tar, 1):
                total += member.size
                if total > _CONTENT_BYTES or count > _PARTS:
                    raise _bad(name, "more than a database can hold")
                if member.isreg() and member.name.endswith(".info") and member.size <= _LIST_BYTES:
                    listed = _listed(_content(tar, member))
                elif member.isreg():
                    found[member.name] = _digest(tar, member)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise _bad(name, "a damaged archive") from error
    if not listed:
        raise _bad(name, "no list of its parts")
    for part, digest in sorted(listed.items()):
        if found.get(part) != digest:
            raise NotAuthenticError(
                "clamav.sha256",
                f"{name}: {part} is not what the list inside says",
                have="no such part" if part not in found else f"sha256 {found[part]}",
                need=f"sha256 {digest}",
                todo="pull again; if it stays, delete the file and run freshclam",
            )
    return len(listed)


def _listed(text: bytes) -> dict[str, str]:
    lines = text.decode("ascii", "replace").splitlines()
    return {match[1]: match[3] for line in lines if (match := _LINE.fullmatch(line))}


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    return b"" if stream is None else stream.read()


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    hasher = hashlib.sha256()
    stream = tar.extractfile(member)
    while stream is not None and (chunk := stream.read(_CHUNK_BYTES)):
        hasher.update(chunk)
    return hasher.hexdigest()


def _bad(name: str, have: str) -> MalformedError:
    return MalformedError("clamav.cld", f"{name} is not a whole database", have=have, todo="run freshclam again")
