"""Encrypted copies of refused bundles: nothing reads or runs them by accident, and no change to one goes unnoticed.

An encrypted copy is ``SLQUAR01``, a salt of 16 bytes, then chunks of 1 MiB under AES-256-GCM, each 16 bytes longer for
its tag. The key of a file is HKDF-SHA256 of the home's key and the salt; the nonce is the chunk's number (11 bytes)
and 1 for the last chunk, so chunks can be neither reordered nor cut off; the first 24 bytes are authenticated with
each.

Source: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption, 2015).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_bytes
from typing import Any, BinaryIO

from manifests.disk.blobs import Blob
from manifests.disk.durable import storage_errors
from manifests.errors import NotAuthenticError

KEY_BYTES = 32
ENCRYPTED_CHUNK_BYTES = 1024 * 1024

_MAGIC = b"SLQUAR01"
_SALT_BYTES = 16
_TAG_BYTES = 16


def encrypt_copy(key: bytes, source: BinaryIO, path: Path | None) -> Blob:
    """Write the content of an open file encrypted to a new file, durably; without a path only hash the content.

    Args:
        key: The home's key, :data:`KEY_BYTES` long.
        source: Open for reading; read from its beginning.
        path: The copy, which must not exist; ``None`` for none.

    Returns:
        Digest and length of the content, not of the copy.

    Raises:
        OSError: Reading or writing failed.
    """
    hasher, length = hashlib.sha256(), 0

    def hashed_chunks() -> Iterator[bytes]:
        nonlocal length
        source.seek(0)
        while chunk := _read_chunk(source):
            hasher.update(chunk)
            length += len(chunk)
            yield chunk

    if path is None:
        for _ in hashed_chunks():
            pass
    else:
        write_new_file(path, _encrypted(key, hashed_chunks()))
    return Blob(hasher.hexdigest(), length)


def decrypted_chunks(key: bytes, path: Path) -> Iterator[bytes]:
    """Yield the content of an encrypted copy, each chunk once it is known to be what was encrypted.

    Raises:
        NotAuthenticError: ``quarantine.damaged``: not what was encrypted, or encrypted with another key.
        StorageError: It cannot be read.
    """
    from cryptography.exceptions import InvalidTag

    with storage_errors(path), path.open("rb") as file:
        header = file.read(len(_MAGIC) + _SALT_BYTES)
        cipher = _cipher(key, header[len(_MAGIC) :])
        number, chunk = 0, file.read(ENCRYPTED_CHUNK_BYTES + _TAG_BYTES)
        try:
            while chunk or number == 0:
                following = file.read(ENCRYPTED_CHUNK_BYTES + _TAG_BYTES)
                yield cipher.decrypt(_nonce(number, last=not following), chunk, header)
                number, chunk = number + 1, following
        except InvalidTag:
            raise NotAuthenticError("quarantine.damaged", f"{path} is not what was encrypted") from None


def write_new_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write chunks to a file that must not exist, readable by its owner alone; its content is durable after.

    Raises:
        OSError: It is there, or writing failed.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(descriptor)


def _encrypted(key: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    salt = token_bytes(_SALT_BYTES)
    cipher, header = _cipher(key, salt), _MAGIC + salt
    yield header
    number, chunk = 0, next(chunks, b"")
    for following in chunks:
        yield cipher.encrypt(_nonce(number, last=False), chunk, header)
        number, chunk = number + 1, following
    yield cipher.encrypt(_nonce(number, last=True), chunk, header)


def _cipher(key: bytes, salt: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(SHA256(), 32, salt, _MAGIC).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _read_chunk(file: BinaryIO) -> bytes:
    """Read one whole chunk from an unbuffered file; less only at its end."""
    parts, missing = [], ENCRYPTED_CHUNK_BYTES
    while missing and (part := file.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
