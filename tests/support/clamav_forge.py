"""ClamAV databases and increments with everything right but the digital signature, and places for a ``sigtool``."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

STAMP = 1_900_000_000
"""Build time of version 0, in seconds; each version is a day younger."""


def body(version: int) -> bytes:
    """Return what follows a header: a ``.tar.gz`` that differs with each version."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        data = f"Forged.{version}:0:*:414243\n".encode() * 20
        member = tarfile.TarInfo("forged.ndb")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def header(
    version: int,
    rest: bytes,
    *,
    magic: str = "ClamAV-VDB",
    built: str = "17 Mar 2030 17-46 +0000",
    signatures: object = 20,
    level: object = 90,
    md5: str | None = None,
    builder: str = "forge",
    stamp: object = None,
) -> bytes:
    """Return the 512 bytes that begin a database; ``stamp=""`` leaves the last field out."""
    digest = md5 if md5 is not None else hashlib.md5(rest).hexdigest()
    fields = [magic, built, version, signatures, level, digest, "c2lnbmF0dXJl", builder]
    if stamp != "":
        fields.append(STAMP + 86400 * version if stamp is None else stamp)
    return ":".join(map(str, fields)).encode().ljust(512)


def cvd(version: int, **fields: object) -> bytes:
    """Return a database of a version."""
    rest = body(version)
    return header(version, rest, **fields) + rest


PART = b"Forged:0:*:414243\n"


def cld(version: int, *, compressed: bool = False, listed: bytes = PART) -> bytes:
    """Return what freshclam leaves of a database that it patched; the list inside is of ``listed``."""
    begin = header(version, b"", md5="X").replace(b":c2lnbmF0dXJl:", b":X:").ljust(512)
    digest = hashlib.sha256(listed).hexdigest()
    info = begin.rstrip() + f"\nx.ndb:{len(PART)}:{digest}\nDSIG:forged\n".encode()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in (("COPYING", b"free\n"), ("x.info", info), ("x.ndb", PART)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return begin + (gzip.compress(file.getvalue(), mtime=0) if compressed else file.getvalue())


def cdiff(version: int, *, said: int | None = None, length: int | None = None) -> bytes:
    """Return an increment to a version; ``said`` and ``length`` lie about what is inside."""
    script = f"OPEN forged.ndb\nADD Forged.{version}:0:*:414243\nCLOSE\n".encode() * 50
    inside = len(script) if length is None else length
    return b"ClamAV-Diff:%d:%d:" % (said or version, inside) + gzip.compress(script, mtime=0) + b":" + b"s" * 341


def sign(version: int) -> bytes:
    """Return what looks like a ``.sign`` file."""
    return b"#clamsign-1.0\n230::pkcs7-pem:%d\n" % version


def program(directory: Path, script: str) -> Path:
    """Put a ``sigtool`` of our own into a directory, to be found there by ``PATH``."""
    directory.mkdir(exist_ok=True)
    path = directory / "sigtool"
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)
    return path
