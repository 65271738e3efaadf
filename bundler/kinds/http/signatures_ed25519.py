"""Detached signatures of minisign and signify: Ed25519 over the file, or over its BLAKE2b-512.

Source: minisign(1) and https://jedisct1.github.io/minisign/ (signature format); signify(1) of OpenBSD 5.5 and later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bundler.kinds.http.errors import WrongSignatureError
from manifests.disk.durable import storage_errors
from manifests.errors import ConfigurationError, NotAuthenticError

SigningProgram = Literal["minisign", "signify"]

_PLAIN, _HASHED = b"Ed", b"ED"
_KEY_BYTES = 2 + 8 + 32
_SIGNATURE_BYTES = 2 + 8 + 64
_COMMENT = "untrusted comment: "
_TRUSTED = "trusted comment: "


@dataclass(frozen=True)
class PublicKey:
    """A public key with the number that its signatures name it by."""

    number: bytes
    key: bytes

    @property
    def shown(self) -> str:
        """The number as minisign prints it, without leading zeros."""
        return f"{int.from_bytes(self.number, 'little'):X}"

    def verifies(self, signature: bytes, message: bytes | memoryview) -> bool:
        """Tell whether an Ed25519 signature of this key is good."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def read_upstream_key(text: str, name: str) -> PublicKey:
    """Read a public key: the program's file, or its second line alone.

    Raises:
        ConfigurationError: ``source.signature``.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    data = _decoded(lines[-1]) if 1 <= len(lines) <= 2 and (len(lines) == 1 or lines[0].startswith(_COMMENT)) else b""
    if len(data) != _KEY_BYTES or data[:2] != _PLAIN:
        raise ConfigurationError("source.signature", f"{name} is not a public key of minisign or signify")
    return PublicKey(data[2:10], data[10:])


def verify_signature_file(program: SigningProgram, key: PublicKey, path: Path, signature: bytes, name: str) -> None:
    """Check a file's detached signature.

    Args:
        program: Whose format it has.
        key: Who must have signed.
        path: The file.
        signature: The signature file's bytes.
        name: What to call the signature in errors.

    Raises:
        NotAuthenticError: ``http.signature-format`` when it is no signature of this program, ``http.signature``
            when another key made it or it does not fit the file or its own trusted comment.
        StorageError: The file cannot be read.
    """
    try:
        lines = signature.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        lines = []
    lines = [line.removesuffix("\r") for line in lines]
    expected = 4 if program == "minisign" else 2
    blob = _decoded(lines[1]) if len(lines) == expected and lines[0].startswith(_COMMENT) else b""
    algorithms = {_PLAIN, _HASHED} if program == "minisign" else {_PLAIN}
    if len(blob) != _SIGNATURE_BYTES or blob[:2] not in algorithms:
        raise NotAuthenticError("http.signature-format", f"{name} is not a signature of {program}")
    number, made = blob[2:10], blob[10:]
    if number != key.number:
        other = PublicKey(number, b"").shown
        raise WrongSignatureError(
            "http.signature", f"{name} was made by another key", have=f"key {other}", need=f"key {key.shown}"
        )
    if not _fits(key, blob[:2], made, path):
        raise WrongSignatureError("http.signature", f"{name} is wrong: the file is not what key {key.shown} signed")
    if program == "minisign":
        _check_comment(key, made, lines[2], lines[3], name)


def _fits(key: PublicKey, algorithm: bytes, made: bytes, path: Path) -> bool:
    with storage_errors(path):
        if algorithm == _HASHED:
            with path.open("rb") as file:
                return key.verifies(made, hashlib.file_digest(file, "blake2b").digest())
        with _mapped(path) as message:
            return key.verifies(made, message)


def _check_comment(key: PublicKey, made: bytes, comment: str, signature: str, name: str) -> None:
    """Check minisign's second signature, over the first and the trusted comment."""
    if not comment.startswith(_TRUSTED):
        raise NotAuthenticError("http.signature-format", f"{name} has no trusted comment")
    if not key.verifies(_decoded(signature), made + comment.removeprefix(_TRUSTED).encode()):
        raise WrongSignatureError("http.signature", f"{name} is wrong: its trusted comment was changed")


@contextmanager
def _mapped(path: Path) -> Iterator[bytes | memoryview]:
    """Yield a file's bytes without reading them into memory."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as message:
            yield message


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
