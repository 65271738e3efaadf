"""ClamAV's own files: the header of a database (``.cvd``), of an increment (``.cdiff``) and of a ``.sign`` file.

Source: the ClamAV manual, "Signatures" (CVD format); the forms of increments and signatures are those that
``freshclam`` reads.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from manifests.errors import MalformedError, NotAuthenticError
from manifests.text import count_text

HEADER_BYTES = 512
"""Length of a database's header; what follows is what its MD5 and its signature are of."""
SIGN_BYTES = 65_536
"""Ceiling on a ``.sign`` file: a PKCS #7 signature with its chain takes some five thousand bytes."""

_CDIFF_HEADER_BYTES = 64
_GZIP = 31
"""zlib's window bits for a gzip stream."""
_INFLATED_BYTES = 1024 * 1024
_MAGIC = "ClamAV-VDB"
_NUMBER = re.compile(r"[0-9]{1,10}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_DIFF = b"ClamAV-Diff:"
_CDIFF = re.compile(_DIFF + rb"([0-9]{1,10}):([0-9]{1,10}):")
_SIGN = b"#clamsign-"


@dataclass(frozen=True)
class DatabaseHeader:
    """What a database says of itself.

    Args:
        version: Counts up by one with each release.
        built_at: When it was built.
        signatures: How many there are in it.
        functionality_level: What an engine must be able to do to use all of it.
        md5: Of everything after the header, lower-case hex.
        builder: Who built it.
    """

    version: int
    built_at: datetime
    signatures: int
    functionality_level: int
    md5: str
    builder: str


def read_header(data: bytes, *, name: str) -> DatabaseHeader:
    """Read the header of a database.

    Args:
        data: The file's first ``HEADER_BYTES``.
        name: What to call the file in errors.

    Raises:
        MalformedError: ``clamav.header``.
    """
    fields = data[:HEADER_BYTES].decode("ascii", "replace").rstrip().split(":")
    if len(data) < HEADER_BYTES or fields[0] != _MAGIC or not 8 <= len(fields) <= 9:
        raise _bad_header(name, data)
    _, built, version, signatures, level, md5, _, builder, *stamp = fields
    if not all(_NUMBER.fullmatch(number) for number in (version, signatures, level, *stamp)) or not _MD5.fullmatch(md5):
        raise _bad_header(name, data)
    try:
        built_at = datetime.fromtimestamp(int(stamp[0]), UTC) if stamp else _built_at(built)
    except (ValueError, OverflowError):
        raise _bad_header(name, data) from None
    if int(version) == 0 or not builder.isprintable():
        raise _bad_header(name, data)
    return DatabaseHeader(int(version), built_at, int(signatures), int(level), md5, builder)


def _built_at(text: str) -> datetime:
    return datetime.strptime(text, "%d %b %Y %H-%M %z").astimezone(UTC)


def _bad_header(name: str, data: bytes) -> MalformedError:
    return MalformedError(
        "clamav.header",
        f"{name} does not begin as a ClamAV database does",
        have=repr(data[:60]) if data else "nothing",
        need=f"a header of {HEADER_BYTES} bytes: {_MAGIC}:time:version:signatures:level:md5:signature:builder",
    )


def check_body(header: DatabaseHeader, chunks: Iterable[bytes], *, name: str) -> None:
    """Refuse a database whose content does not have the MD5 that its header gives.

    MD5 finds damage, not forgery: that is for the signature, which is of this MD5.

    Args:
        header: The database's own.
        chunks: The whole file, its header included.
        name: What to call it in errors.

    Raises:
        NotAuthenticError: ``clamav.md5``.
    """
    hasher = hashlib.md5(usedforsecurity=False)
    skip = HEADER_BYTES
    for chunk in chunks:
        hasher.update(chunk[skip:])
        skip = max(0, skip - len(chunk))
    if hasher.hexdigest() != header.md5:
        raise NotAuthenticError(
            "clamav.md5",
            f"{name} is not what its header says",
            have=f"md5 {hasher.hexdigest()}",
            need=f"md5 {header.md5}",
            todo="pull again; if it stays, the mirror is damaged",
        )


def check_cdiff(chunks: Iterable[bytes], version: int, *, name: str) -> None:
    """Refuse what is no whole increment to a version.

    An empty file is a sound one: it tells freshclam to take the whole database.

    Args:
        chunks: The increment, in order.
        version: What it leads to.
        name: What to call it in errors.

    Raises:
        MalformedError: ``clamav.cdiff``.
    """
    source = iter(chunks)
    begin = bytearray()
    while len(begin) < _CDIFF_HEADER_BYTES and (chunk := next(source, b"")):
        begin += chunk
    if not begin:
        return
    match = _CDIFF.match(begin)
    if match is None:
        raise _bad_cdiff(name, repr(bytes(begin[:40])))
    if int(match[1]) != version:
        raise _bad_cdiff(name, f"an increment to version {int(match[1])}", f"one to version {version}")
    length, rest = _inflated(chain([bytes(begin[match.end() :])], source), int(match[2]), name)
    if length != int(match[2]) or not rest.startswith(b":"):
        raise _bad_cdiff(
            name, f"{count_text(length, 'byte')} inside", f"{count_text(int(match[2]), 'byte')} and a signature"
        )


def _inflated(chunks: Iterable[bytes], ceiling: int, name: str) -> tuple[int, bytes]:
    """Return how much comes out of a gzip stream, stopping above a ceiling, and the beginning of what follows it."""
    inflater = zlib.decompressobj(_GZIP)
    length = 0
    try:
        for chunk in chunks:
            data = chunk
            while data and not inflater.eof and length <= ceiling:
                length += len(inflater.decompress(data, _INFLATED_BYTES))
                data = inflater.unconsumed_tail
            if (inflater.eof and inflater.unused_data) or length > ceiling:
                break
            if inflater.eof:
                return length, next(iter(chunks), b"")
    except zlib.error:
        raise _bad_cdiff(name, "damaged compressed data") from None
    return length, inflater.unused_data if inflater.eof else b""


def _bad_cdiff(name: str, have: str, need: str | None = None) -> MalformedError:
    return MalformedError("clamav.cdiff", f"{name} is not a valid increment", have=have, need=need)


def is_cdiff(beginning: bytes) -> bool:
    """Tell whether a file may be an increment, by how it begins; some servers answer a text for what they lack."""
    return not beginning or beginning.startswith(_DIFF)


def is_sign(data: bytes) -> bool:
    """Tell whether a file may be a ``.sign`` file, by how it begins."""
    return data.startswith(_SIGN)
