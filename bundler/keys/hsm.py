"""Keys on PKCS#11 tokens: ``hsm:<id>?label=<token>``, ECDSA on P-256 or P-384."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlparse

from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import HSMSigner, Key, Signature, Signer

from bundler.keys.secrets import Secrets
from manifests.errors import ConfigurationError
from manifests.text import cause_text

MODULE_VARIABLE = "PYKCS11LIB"
"""Where ``securesystemslib`` looks for the token's library."""


def use_module(path: str | None) -> None:
    """Let the configuration name the token's library; the environment goes before it."""
    if path is not None:
        os.environ.setdefault(MODULE_VARIABLE, path)


def read_token_key(uri: str, secrets: Secrets) -> tuple[str, Key]:
    """Read a public key from a token.

    Args:
        uri: ``hsm:<id>[?label=<token>]``; the id is a whole number, 2 when absent (PIV slot 9c).
        secrets: Gives the PIN, should the token hide public keys without it.

    Returns:
        The URI with the token's label filled in, and the public key.

    Raises:
        ConfigurationError: ``pkcs11.uri``, ``pkcs11.library``, ``pkcs11.token``.
    """
    number, label = _parse(uri)
    with _token_errors(uri):
        full, key = HSMSigner.import_(number, label, lambda _: secrets.pin(_called(label)))
    return full, key


def token_signer(uri: str, key: Key, secrets: Secrets) -> Signer:
    """Return the signer of a key on a token; the token is not touched before it signs.

    Raises:
        ConfigurationError: ``pkcs11.uri``, ``pkcs11.library``, ``pkcs11.token``; from ``sign`` too.
    """
    _, label = _parse(uri)
    with _token_errors(uri):
        found = HSMSigner.from_priv_key_uri(uri, key, lambda _: secrets.pin(_called(label)))
    return _TokenSigner(uri, found)


class _TokenSigner(Signer):
    """A signer whose failures are ours."""

    def __init__(self, uri: str, inner: HSMSigner) -> None:
        self._uri = uri
        self._inner = inner

    @property
    def public_key(self) -> Key:
        return self._inner.public_key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: object = None) -> _TokenSigner:
        raise NotImplementedError("made by bundler.keys.hsm.token_signer")

    def sign(self, payload: bytes) -> Signature:
        with _token_errors(self._uri):
            return self._inner.sign(payload)


def _parse(uri: str) -> tuple[int | None, str | None]:
    parts = urlparse(uri)
    if parts.scheme != "hsm" or not re.fullmatch(r"[0-9]{0,9}", parts.path):
        raise ConfigurationError(
            "pkcs11.uri", f"{uri!r} names no key on a token", need="hsm:<id>?label=<token>, the id a whole number"
        )
    return int(parts.path) if parts.path else None, dict(parse_qsl(parts.query)).get("label")


def _called(label: str | None) -> str:
    return f"token {label}" if label else "the token"


@contextmanager
def _token_errors(uri: str) -> Iterator[None]:
    """Turn what the token, its library or their absence raises into our errors."""
    try:
        from pkcs11.exceptions import PKCS11Error
    except ImportError:
        raise ConfigurationError(
            "pkcs11.library", "python-pkcs11 is not installed", todo="pip install 'sealift[pkcs11]'"
        ) from None
    try:
        yield
    except UnsupportedLibraryError as error:
        raise ConfigurationError("pkcs11.library", f"A library for tokens is missing: {error}") from error
    except (ValueError, RuntimeError, AttributeError, PKCS11Error) as error:
        raise ConfigurationError(
            "pkcs11.token",
            f"{uri}: {cause_text(error)}",
            need=f"the token in its reader, its PIN, and its library in [pkcs11] module or {MODULE_VARIABLE}",
        ) from error
