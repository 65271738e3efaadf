"""Private key files: PEM with PKCS#8, encrypted or open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bundler.keys import pkcs8
from bundler.keys.secret_lines import Warn, warn_readable
from bundler.keys.secrets import Secrets
from manifests.disk import durable
from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError, UsageError
from manifests.limits import KIB

_FILE_BYTES = 64 * KIB
"""Ceiling on a private key file; an RSA key of 16,384 bits takes 13 KiB."""
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


@dataclass(frozen=True)
class PrivateKeyFile:
    """A private key file as it was read, not opened yet."""

    path: Path
    data: bytes
    mode: int

    @classmethod
    def read(cls, path: Path, error: type[UsageError | ConfigurationError] = ConfigurationError) -> Self:
        """Read a file, whatever is in it.

        Args:
            path: The file.
            error: What is raised when it is no file of that size at all.

        Raises:
            UsageError, ConfigurationError: ``file.*``.
            StorageError: It cannot be read.
        """
        given = read_given_file(path, max_bytes=_FILE_BYTES, what="a private key (PEM)", error=error)
        return cls(path, given.data, given.mode)

    @property
    def encrypted(self) -> bool:
        """Whether it takes a passphrase."""
        return _ENCRYPTED in self.data

    def check_mode(self, warn: Warn) -> None:
        """Refuse an open key that others may read, as ``ssh`` does; warn where it is encrypted.

        Raises:
            ConfigurationError: ``key.mode``.
        """
        if self.encrypted:
            warn_readable(self.path, self.mode, warn)
        elif self.mode & 0o077:
            raise ConfigurationError(
                "key.mode",
                f"{self.path} is not encrypted, and others can read it",
                have=f"mode {self.mode:o}",
                need="mode 600, or a passphrase",
                todo=f"chmod 600 {self.path}; on a stick that keeps no modes: bundle keys passphrase {self.path}",
            )

    def unlock(self, secrets: Secrets, *, brought: bool = False) -> PrivateKeyTypes:
        """Return the private key.

        Raises:
            ConfigurationError: ``key.private``, ``passphrase.wrong``, ``passphrase.missing``.
        """
        if self.encrypted:
            return self._unlocked(secrets, brought=brought)[1]
        opened = self._load(None)
        if opened is None:
            raise self._refusal()
        return opened

    def passphrase(self, secrets: Secrets) -> bytes:
        """Return the passphrase that opens it; raises as :meth:`unlock`."""
        return self._unlocked(secrets, brought=False)[0]

    def encrypt(self, private: PrivateKeyTypes, passphrase: bytes | None) -> None:
        """Write the file anew, for its owner alone; None leaves it open. The old one stands until the new one is whole.

        Raises:
            StorageError: The disk is full, read-only or failing.
        """
        durable.write_file(self.path, pkcs8.encode_private_key(private, passphrase), mode=0o600)

    def _unlocked(self, secrets: Secrets, *, brought: bool) -> tuple[bytes, PrivateKeyTypes]:
        def opened(passphrase: bytes) -> tuple[bytes, PrivateKeyTypes] | None:
            private = self._load(passphrase)
            return None if private is None else (passphrase, private)

        return secrets.unlock(self.path.name, opened, brought=brought)

    def _load(self, passphrase: bytes | None) -> PrivateKeyTypes | None:
        try:
            return load_pem_private_key(self.data, passphrase)
        except ValueError:
            return None
        except (TypeError, UnsupportedAlgorithm):
            raise self._refusal() from None

    def _refusal(self) -> ConfigurationError:
        return ConfigurationError("key.private", f"{self.path} is not a private key", need="PEM with PKCS#8")
