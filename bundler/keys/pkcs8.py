"""Encrypted PKCS#8 whose passphrase is costly to guess.

``cryptography`` writes PBES2 with 2,048 rounds of PBKDF2, which a stolen key file does not survive;
it reads scrypt, so scrypt is what we write. ``openssl pkey`` opens the result too.
"""

from __future__ import annotations

import base64
import secrets
import textwrap

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ObjectIdentifier

_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_SCRYPT = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
_AES_256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")

_COST = 2**14
_BLOCK_SIZE = 8
_PARALLEL = 5
"""OWASP's weights for 16 MiB of memory; OpenSSL refuses to open anything above 32 MiB."""


@asn1.sequence
class _ScryptParameters:
    """Source: RFC 7914 section 7.1."""

    salt: bytes
    cost: int
    block_size: int
    parallel: int


@asn1.sequence
class _KeyDerivation:
    algorithm: ObjectIdentifier
    parameters: _ScryptParameters


@asn1.sequence
class _Encryption:
    algorithm: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _Pbes2Parameters:
    """Source: RFC 8018 appendix A.4."""

    key_derivation: _KeyDerivation
    encryption: _Encryption


@asn1.sequence
class _Pbes2:
    algorithm: ObjectIdentifier
    parameters: _Pbes2Parameters


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    """Source: RFC 5208 section 6."""

    algorithm: _Pbes2
    data: bytes


def encode_private_key(key: PrivateKeyTypes, passphrase: bytes | None) -> bytes:
    """Write a private key as PEM, encrypted unless ``passphrase`` is None."""
    if passphrase is None:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    secret = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK_SIZE, p=_PARALLEL).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    encryptor = Cipher(algorithms.AES256(secret), modes.CBC(iv)).encryptor()
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    parameters = _ScryptParameters(salt=salt, cost=_COST, block_size=_BLOCK_SIZE, parallel=_PARALLEL)
    info = _EncryptedPrivateKeyInfo(
        algorithm=_Pbes2(
            algorithm=_PBES2,
            parameters=_Pbes2Parameters(
                key_derivation=_KeyDerivation(algorithm=_SCRYPT, parameters=parameters),
                encryption=_Encryption(algorithm=_AES_256_CBC, iv=iv),
            ),
        ),
        data=data,
    )
    lines = textwrap.wrap(base64.b64encode(asn1.encode_der(info)).decode("ascii"), 64)
    return "\n".join(
        ["-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, "-----END ENCRYPTED PRIVATE KEY-----", ""]
    ).encode("ascii")
