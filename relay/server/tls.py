"""Certificate and key files: the relay's own authority, renewal, and certificates of the operator's.

The authority is made once, at ``relay init``; agents are given ``ca.pem``. The server certificate under it is
renewed by the relay itself, so agents never notice. The authority speaks for the names it was made for and for
addresses of private networks alone: whoever steals its key cannot pose as any other site.

Source: CA/Browser Forum Baseline Requirements 6.3.2, for the 825 days that every client allows a private authority.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from manifests.disk import durable
from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError
from manifests.limits import MIB
from relay.config import TlsFiles

if TYPE_CHECKING:
    from cryptography import x509

    from relay.server.certificates import Key

DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")
AUTHORITY_LIFE = timedelta(days=3653)
LEAF_LIFE = timedelta(days=825)
RENEW_BEFORE = timedelta(days=90)
BACKDATED = timedelta(days=2)
"""Clocks of isolated machines run late; a new certificate must be good for them too."""

_PEM_BYTES = MIB
"""Ceiling on a certificate chain or key; a long chain takes 20 KiB."""
_SUPPORTED = "ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits"
_NEW_AUTHORITY = "relay init makes a new authority; agents must then be given the new ca.pem"


def server_files(directory: Path) -> TlsFiles:
    """Return the relay's own certificate and key: one file, so that they change together."""
    return TlsFiles(directory / "server.pem", directory / "server.pem")


def authority_file(directory: Path) -> Path:
    """Return the certificate that agents are given."""
    return directory / "ca.pem"


def create_authority(directory: Path, now: datetime, names: Sequence[str] = DEFAULT_NAMES) -> TlsFiles:
    """Make an authority and a server certificate, in place of any that are there.

    Args:
        directory: ``tls/`` of the home; made when it is missing, for its owner alone.
        now: The time they are made at.
        names: What agents call the relay: host names and IP addresses.

    Returns:
        The server's files.

    Raises:
        ConfigurationError: ``tls.name``.
        StorageError: The disk is full, read-only or failing.
    """
    from relay.server import certificates

    general_names = certificates.general_names(names)
    durable.make_directory(directory, mode=0o700)
    key = certificates.generate_key()
    certificate = certificates.make_authority(key, general_names, now - BACKDATED, now + AUTHORITY_LIFE)
    durable.write_file(_authority_key(directory), _key_bytes(key), mode=0o600)
    durable.write_file(authority_file(directory), _certificate_bytes(certificate))
    _issue(directory, now, general_names, (certificate, key))
    return server_files(directory)


def renew_leaf(directory: Path, now: datetime, names: Sequence[str] | None = None) -> bool:
    """Issue a new server certificate when the one that is there is missing, broken, near its end or for other names.

    Args:
        directory: ``tls/`` of the home.
        now: The time.
        names: What agents call the relay; ``None`` keeps the names.

    Returns:
        Whether it was renewed; the server must then :meth:`~relay.server.server.Server.reload`.

    Raises:
        ConfigurationError: ``tls.authority`` when ``ca.pem`` or ``ca.key`` is missing or broken or has ended;
            ``tls.name``.
        StorageError: The disk is full, read-only or failing.
    """
    from relay.server import certificates

    present = _leaf(directory)
    present_names = () if present is None else certificates.alternative_names(present)
    wanted = certificates.general_names(names) if names is not None else present_names
    wanted = wanted or certificates.general_names(DEFAULT_NAMES)
    if present is not None and present_names == wanted and _is_good(present, now):
        return False
    _issue(directory, now, wanted, _authority(directory, now))
    return True


def check_tls_files(tls: TlsFiles) -> None:
    """Refuse a certificate and key that no server could use.

    Raises:
        ConfigurationError: ``tls.missing``, ``tls.unreadable``, ``tls.mismatch``, ``tls.unsupported`` or ``file.*``.
        StorageError: A file cannot be read.
    """
    for path in (tls.certificate, tls.key):
        if not path.is_file():
            raise ConfigurationError(
                "tls.missing",
                f"There is not a certificate or key at {path}",
                todo="relay init, or correct serve.tls in relay.toml",
            )
        read_given_file(path, max_bytes=_PEM_BYTES, what="a certificate or key (PEM)", error=ConfigurationError)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key, password=lambda: "")
    except ssl.SSLError as error:
        code = "tls.mismatch" if error.reason == "KEY_VALUES_MISMATCH" else "tls.unreadable"
        what = "do not belong together" if code == "tls.mismatch" else "cannot be used"
        raise ConfigurationError(
            code,
            f"{tls.certificate} and {tls.key} {what}",
            have=error.reason,
            need="a PEM chain and its key, not encrypted",
        ) from error
    except OSError as error:
        raise ConfigurationError("tls.unreadable", f"{error.filename or tls.key}: {error.strerror}") from error
    if not _is_supported(tls.key.read_bytes()):
        raise ConfigurationError("tls.unsupported", f"The server cannot use the key {tls.key}", need=_SUPPORTED)


def _is_supported(pem: bytes) -> bool:
    """Tell whether the server's TLS library takes a key; with another it would not even fail in order."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if isinstance(key, rsa.RSAPrivateKey):
        return 2048 <= key.key_size <= 4096
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    return isinstance(key, ed25519.Ed25519PrivateKey)


def leaf_expires_at(tls: TlsFiles) -> datetime:
    """Return when a server certificate ends.

    Raises:
        ConfigurationError: ``tls.unreadable``.
    """
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        raise ConfigurationError("tls.unreadable", f"{tls.certificate} is not a certificate") from error


def _issue(
    directory: Path, now: datetime, names: Sequence[x509.GeneralName], authority: tuple[x509.Certificate, Key]
) -> None:
    from relay.server import certificates

    key = certificates.generate_key()
    leaf = certificates.make_leaf(key, names, authority, now - BACKDATED, now + LEAF_LIFE)
    durable.write_file(server_files(directory).certificate, _certificate_bytes(leaf) + _key_bytes(key), mode=0o600)


def _leaf(directory: Path) -> x509.Certificate | None:
    from cryptography import x509

    try:
        check_tls_files(server_files(directory))
        return x509.load_pem_x509_certificate(server_files(directory).certificate.read_bytes())
    except (ConfigurationError, OSError, ValueError):
        return None


def _is_good(leaf: x509.Certificate, now: datetime) -> bool:
    return leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc - RENEW_BEFORE


def _authority(directory: Path, now: datetime) -> tuple[x509.Certificate, Key]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        certificate = x509.load_pem_x509_certificate(authority_file(directory).read_bytes())
        key = load_pem_private_key(_authority_key(directory).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            "tls.authority", f"The relay's own authority in {directory} cannot be read", todo=_NEW_AUTHORITY
        ) from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigurationError("tls.authority", f"ca.pem and ca.key in {directory} differ", todo=_NEW_AUTHORITY)
    if certificate.not_valid_after_utc <= now:
        raise ConfigurationError("tls.authority", "The relay's own authority has ended", todo=_NEW_AUTHORITY)
    return certificate, key


def _authority_key(directory: Path) -> Path:
    return directory / "ca.key"


def _certificate_bytes(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_bytes(key: Key) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
