"""Making X.509 certificates: an authority of our own and server certificates under it. No files, no clock.

Source: RFC 5280, 4.2.1 (extensions), 4.2.1.10 (name constraints).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from manifests.errors import ConfigurationError

Key = ec.EllipticCurvePrivateKey

_PRIVATE_NETWORKS = (
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def general_names(names: Sequence[str]) -> tuple[x509.GeneralName, ...]:
    """Read host names and IP addresses.

    Raises:
        ConfigurationError: ``tls.name`` for something that is neither, or for no name at all.
    """
    result = tuple(_general_name(name) for name in names)
    if not result:
        raise ConfigurationError("tls.name", "A server certificate needs a name", need="a host name or an IP address")
    return result


def generate_key() -> Key:
    """Make an ECDSA P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def make_authority(
    key: Key, names: Sequence[x509.GeneralName], begins_at: datetime, ends_at: datetime
) -> x509.Certificate:
    """Make a self-signed authority for these names and for addresses of private networks, and nothing else."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sealift relay authority")])
    builder = _builder(subject, subject, key.public_key(), begins_at, ends_at)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.NameConstraints(_permitted(names), None), critical=True)
    return builder.sign(key, hashes.SHA256())


def make_leaf(
    key: Key,
    names: Sequence[x509.GeneralName],
    authority: tuple[x509.Certificate, Key],
    begins_at: datetime,
    ends_at: datetime,
) -> x509.Certificate:
    """Make a server certificate under an authority; it never outlives it."""
    issuer, issuer_key = authority
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sealift relay")])
    begins_at = max(begins_at, issuer.not_valid_before_utc)
    builder = _builder(subject, issuer.subject, key.public_key(), begins_at, min(ends_at, issuer.not_valid_after_utc))
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    )
    return builder.sign(issuer_key, hashes.SHA256())


def alternative_names(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    """Return the names that a certificate is for, in its order."""
    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, begins_at: datetime, ends_at: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins_at).not_valid_after(ends_at)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _permitted(names: Sequence[x509.GeneralName]) -> list[x509.GeneralName]:
    permitted: list[x509.GeneralName] = [name for name in names if isinstance(name, x509.DNSName)]
    networks = [ipaddress.ip_network(network) for network in _PRIVATE_NETWORKS]
    for name in names:
        if isinstance(name, x509.IPAddress) and not any(name.value in network for network in networks):
            networks.append(ipaddress.ip_network(str(name.value)))
    if not any(isinstance(name, x509.DNSName) for name in names):
        permitted.append(x509.DNSName("localhost"))  # with no name permitted, every name would be
    return [*permitted, *(x509.IPAddress(network) for network in networks)]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not _HOST.fullmatch(name) or len(name) > 253:
            raise ConfigurationError(
                "tls.name", f"{name!r} is not a valid name for a server", need="a host name or an IP address"
            ) from None
        return x509.DNSName(name.lower())
