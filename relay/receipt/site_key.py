"""The site's own key: it signs receipts and nothing else, and never leaves the relay's home."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from manifests.disk import durable
from manifests.disk.lock import exclusive_lock
from manifests.errors import ConfigurationError
from relay.home import Home

_WAIT_SECONDS = 10.0


def site_key_file(home: Home) -> Path:
    """Return where the private key is: PKCS#8, readable by the relay's user alone."""
    return home.path / "site" / "key.pem"


def open_site_key(home: Home) -> CryptoSigner:
    """Return the site's signer; the first time, make its Ed25519 key.

    Raises:
        ConfigurationError: ``sitekey.damaged``.
        StorageError: The disk is full, read-only or failing.
        LockedError: ``lock.held``.
    """
    path = site_key_file(home)
    durable.make_directory(path.parent, mode=0o700)
    with exclusive_lock(path.parent / "lock", wait_seconds=_WAIT_SECONDS), durable.storage_errors(path):
        if not path.exists():
            private = Ed25519PrivateKey.generate()
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            durable.write_file(path, pem, mode=0o600)
        return _read(path)


def _read(path: Path) -> CryptoSigner:
    try:
        private = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(
            "sitekey.damaged",
            f"{path} is not this site's key",
            need="Ed25519, PEM with PKCS#8",
            todo=f"bring it back from the backup; or remove it: the next receipt makes a new key, which the publisher "
            f"has to confirm: rm {path}",
        )
    return CryptoSigner(private)
