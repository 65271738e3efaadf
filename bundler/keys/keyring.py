"""Keys of the publisher: public key files, private key files, tokens.

A key stands in ``<home>/keys`` under a name such as ``root-3f9ac2d1e0b4``: ``<name>.pub`` is the public
key as JSON, ``<name>.pem`` the private key as PKCS#8. Without the ``.pem`` the key is known but not here:
moved to a stick, or on a token that the ``.pub`` names by its URI.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from bundler.keys import hsm, pkcs8, public_keys
from bundler.keys.private_file import PrivateKeyFile
from bundler.keys.secrets import Secrets
from bundler.keys.token_uri import names_token
from manifests.disk import durable
from manifests.errors import ConfigurationError, UsageError

_PRIVATE_SUFFIXES = frozenset({".pem", ".key"})


@dataclass(frozen=True)
class KeyEntry:
    """A key that the home knows.

    Args:
        name: File name without its suffix.
        key: The public key.
        uri: ``file:<path>`` or ``hsm:<id>?label=<token>``; None when the private key is not here.
    """

    name: str
    key: Key
    uri: str | None


@dataclass(frozen=True)
class GeneratedKey:
    """A key made just now, still open."""

    entry: KeyEntry
    signer: CryptoSigner


def key_name(role: str, key: Key) -> str:
    """Return the name for the files of a role's key."""
    return f"{role}-{key.keyid[:12]}"


def public_name(path: Path) -> Path:
    """Return the file of the public half beside a private key: ``.pub`` for ``.pem`` or ``.key``, else put behind.

    A dot in a name begins no suffix of ours: ``plant.alice`` and ``plant.bob`` are two people.

    Raises:
        UsageError: ``key.name``: the name is that of a public key.
    """
    if path.suffix.lower() == ".pub":
        raise UsageError(
            "key.name",
            f"{path} is the name of a public key",
            need="a name for the private key, whose public half gets .pub beside it",
            todo=f"--out {path.with_suffix('.pem')}",
        )
    return path.with_suffix(".pub") if path.suffix.lower() in _PRIVATE_SUFFIXES else path.with_name(f"{path.name}.pub")


def generate_key_files(path: Path, passphrase: bytes | None) -> GeneratedKey:
    """Make an Ed25519 key: ``path`` (PKCS#8, owner only) and the public half beside it, see :func:`public_name`.

    Args:
        path: The private key's file; must not exist.
        passphrase: Encrypts it; None leaves it open.

    Raises:
        UsageError: ``key.name``.
        ConfigurationError: ``key.exists``.
        StorageError: The disk is full, read-only or failing.
    """
    return _write(path, Ed25519PrivateKey.generate(), passphrase)


def generate_role_key_files(role: str, directory: Path, passphrase: bytes | None) -> GeneratedKey:
    """Make a role's key in a key directory, its files named after both; raises as :func:`generate_key_files`."""
    private = Ed25519PrivateKey.generate()
    key = SSlibKey.from_crypto(private.public_key())
    return _write(directory / f"{key_name(role, key)}.pem", private, passphrase)


def check_absent(path: Path) -> None:
    """Refuse the name of a key pair of which a file is there already.

    Raises:
        UsageError: ``key.name``; ``key.directory``: there is no such directory.
        ConfigurationError: ``key.exists``.
    """
    if not path.parent.is_dir():
        raise UsageError("key.directory", f"There is no directory {path.parent}", todo=f"mkdir {path.parent}")
    for file in (path, public_name(path)):
        if os.path.lexists(file):
            raise ConfigurationError("key.exists", f"{file} is there already", todo="choose another name")


def _write(path: Path, private: Ed25519PrivateKey, passphrase: bytes | None) -> GeneratedKey:
    signer = CryptoSigner(private)
    public = public_name(path)
    check_absent(path)
    durable.write_file(path, pkcs8.encode_private_key(private, passphrase), mode=0o600)
    with durable.removed_on_failure(path):  # or a full disk leaves a private key that nobody knows of
        durable.write_file(public, public_keys.encode_public_key(signer.public_key))
    return GeneratedKey(KeyEntry(path.stem, signer.public_key, f"file:{path}"), signer)


def read_private_key(
    path: Path,
    secrets: Secrets,
    *,
    brought: bool = False,
    error: type[UsageError | ConfigurationError] = UsageError,
) -> CryptoSigner:
    """Open a private key file (PEM, PKCS#8: Ed25519, ECDSA, RSA or ML-DSA).

    Args:
        path: The file.
        secrets: Opens it.
        brought: Whether it was brought along, see :meth:`Secrets.unlock`.
        error: What is raised when it is no file of that size at all: by default a command line is wrong.

    Raises:
        UsageError, ConfigurationError: ``file.*``.
        ConfigurationError: ``key.private``, ``key.mode``, ``passphrase.wrong``, ``passphrase.missing``.
        StorageError: The file cannot be read.
    """
    file = PrivateKeyFile.read(path, error)
    private = file.unlock(secrets, brought=brought)
    file.check_mode(secrets.warn)
    return CryptoSigner(private)


def home_passphrase(directory: Path, role: str, secrets: Secrets) -> bytes:
    """Return the passphrase for a new key of a role: that of the keys there, a new one if none is locked.

    Raises:
        ConfigurationError: ``passphrase.*``.
        StorageError: A file cannot be read.
    """
    locked = [file for path in sorted(directory.glob("*.pem")) if (file := PrivateKeyFile.read(path)).encrypted]
    if not locked:
        return secrets.new_passphrase()
    # The role's own keys before others, root's last: they may have come from other people.
    nearest = min(
        locked, key=lambda file: (not file.path.name.startswith(f"{role}-"), file.path.name.startswith("root-"))
    )
    try:
        return nearest.passphrase(secrets)
    except ConfigurationError as error:
        raise error.reworded(
            need=f"the passphrase of {nearest.path.name}: new keys here get that of the others",
            todo="--passphrase-file FILE may stand several times; to give the new key one of its own: "
            "--new-passphrase-file FILE",
        ) from error


def open_signer(uri: str, key: Key | None, secrets: Secrets) -> Signer:
    """Open the private key that a URI names.

    Args:
        uri: ``file:<path>``, a bare path, or ``hsm:<id>?label=<token>``.
        key: The public key it must be; None to take what is there.
        secrets: Opens it.

    Raises:
        ConfigurationError: ``key.private``, ``key.mismatch``, ``passphrase.*``, ``pkcs11.*``.
        UsageError, ConfigurationError: ``file.*``.
        StorageError: The file cannot be read.
    """
    if names_token(uri):
        return hsm.token_signer(uri, hsm.read_token_key(uri, secrets)[1] if key is None else key, secrets)
    whose = UsageError if key is None else ConfigurationError  # named by somebody just now, or a file of the home
    signer = read_private_key(Path(uri.removeprefix("file:")), secrets, brought=key is None, error=whose)
    if key is not None and signer.public_key.keyid != key.keyid:
        raise ConfigurationError(
            "key.mismatch",
            f"{uri} holds another key",
            have=signer.public_key.keyid[:12],
            need=key.keyid[:12],
        )
    return signer


@dataclass(frozen=True)
class Keyring:
    """Every key that a home knows, by key id."""

    directory: Path
    entries: Mapping[str, KeyEntry]

    @classmethod
    def load(cls, directory: Path) -> Keyring:
        """Read every ``.pub`` of a directory, but none that other programs hide there (``._x.pub``, ``.#x.pub``).

        Raises:
            ConfigurationError: ``file.*``.
            MalformedError: ``json.*``, ``key.public``.
            StorageError: A file cannot be read.
        """
        entries: dict[str, KeyEntry] = {}
        for path in sorted(directory.glob("[!.]*.pub")):
            key, uri = public_keys.read_public_key(path, error=ConfigurationError)
            private = path.with_suffix(".pem")
            if private.exists():
                uri = f"file:{private}"
            if uri is not None or key.keyid not in entries:
                entries[key.keyid] = KeyEntry(path.stem, key, uri)
        return cls(directory, entries)

    def is_here(self, keyid: str) -> bool:
        """Tell whether the private key can be used from this home."""
        return keyid in self.entries and self.entries[keyid].uri is not None
