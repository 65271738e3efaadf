"""The relay's own authority and certificates."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from manifests.errors import ConfigurationError
from relay.config import TlsFiles
from relay.server import certificates
from relay.server.tls import (
    LEAF_LIFE,
    RENEW_BEFORE,
    authority_file,
    check_tls_files,
    create_authority,
    leaf_expires_at,
    renew_leaf,
    server_files,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def directory(tmp_path):
    create_authority(tmp_path / "tls", NOW, ("localhost", "127.0.0.1", "::1", "relay.site"))
    return tmp_path / "tls"


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def extension(cert, kind):
    return cert.extensions.get_extension_for_class(kind)


def snapshot(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def openssl_verdict(directory, leaf):
    command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-purpose", "sslserver"]
    command += ["-CAfile", str(authority_file(directory)), str(leaf)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_authority_may_sign_servers_for_its_names_and_nothing_else(directory):
    ca = certificate(authority_file(directory))
    assert extension(ca, x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)
    usage = extension(ca, x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, False)
    constraints = extension(ca, x509.NameConstraints)
    assert constraints.critical
    assert [name.value for name in constraints.value.permitted_subtrees if isinstance(name, x509.DNSName)] == [
        "localhost",
        "relay.site",
    ]
    assert isinstance(ca.public_key().curve, ec.SECP256R1)
    assert ca.not_valid_after_utc - NOW == timedelta(days=3653)


def test_the_server_certificate_is_for_the_names_for_825_days_and_known_by_its_authority(directory):
    ca, leaf = certificate(authority_file(directory)), certificate(server_files(directory).certificate)
    leaf.verify_directly_issued_by(ca)
    names = extension(leaf, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "relay.site"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(a) for a in ("127.0.0.1", "::1")]
    assert list(extension(leaf, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert extension(leaf, x509.BasicConstraints).value.ca is False
    identifier = extension(leaf, x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == extension(ca, x509.SubjectKeyIdentifier).value.digest
    assert leaf.not_valid_after_utc - NOW == timedelta(days=825)
    assert leaf.not_valid_before_utc < NOW - timedelta(days=1)


@pytest.mark.needs("openssl")
def test_openssl_accepts_the_chain_strictly(directory):
    verdict = openssl_verdict(directory, server_files(directory).certificate)
    assert (verdict.returncode, verdict.stderr) == (0, "")


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("name", ["bank.example", "notrelay.site", "8.8.8.8"])
def test_a_stolen_authority_cannot_speak_for_another_site(directory, tmp_path, name):
    ca = certificate(authority_file(directory))
    ca_key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
    key = certificates.generate_key()
    names = certificates.general_names([name])
    forged = certificates.make_leaf(key, names, (ca, ca_key), NOW - timedelta(1), NOW + timedelta(30))
    (tmp_path / "forged.pem").write_bytes(forged.public_bytes(serialization.Encoding.PEM))
    verdict = openssl_verdict(directory, tmp_path / "forged.pem")
    assert verdict.returncode != 0
    assert "permitted subtree violation" in verdict.stderr


def test_keys_are_for_their_owner_alone(directory):
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "server.pem": 0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_certificate_far_from_its_end_is_left_alone(directory):
    before = snapshot(directory)
    assert renew_leaf(directory, NOW) is False
    assert renew_leaf(directory, NOW + LEAF_LIFE - RENEW_BEFORE - timedelta(seconds=1)) is False
    assert snapshot(directory) == before


def test_near_its_end_the_certificate_is_renewed_under_the_same_authority_for_the_same_names(directory):
    before, old = snapshot(directory), certificate(server_files(directory).certificate)
    later = NOW + LEAF_LIFE - RENEW_BEFORE
    assert renew_leaf(directory, later) is True
    new = certificate(server_files(directory).certificate)
    assert snapshot(directory)["ca.pem"] == before["ca.pem"]
    assert certificates.alternative_names(new) == certificates.alternative_names(old)
    assert new.public_key() != old.public_key()
    assert leaf_expires_at(server_files(directory)) == later + LEAF_LIFE
    new.verify_directly_issued_by(certificate(authority_file(directory)))


def test_a_certificate_of_the_future_is_replaced(directory):
    assert renew_leaf(directory, NOW - timedelta(days=3)) is True


@pytest.mark.needs("openssl")
def test_other_names_get_another_certificate(directory):
    assert renew_leaf(directory, NOW, ("localhost", "10.1.2.3")) is True
    assert renew_leaf(directory, NOW, ("localhost", "10.1.2.3")) is False
    verdict = openssl_verdict(directory, server_files(directory).certificate)
    assert (verdict.returncode, verdict.stderr) == (0, "")


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "foreign-key"])
def test_a_broken_server_certificate_is_replaced(directory, damage):
    path = server_files(directory).certificate
    text = path.read_bytes()
    key = certificates.generate_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    foreign = text[: text.index(b"-----BEGIN PRIVATE")] + key
    {
        "missing": path.unlink,
        "empty": lambda: path.write_bytes(b""),
        "cut": lambda: path.write_bytes(text[:300]),
        "foreign-key": lambda: path.write_bytes(foreign),
    }[damage]()
    assert renew_leaf(directory, NOW) is True
    check_tls_files(server_files(directory))


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
@pytest.mark.parametrize("content", [None, b"", b"junk", "foreign"])
def test_without_a_whole_authority_nothing_is_renewed(directory, tmp_path, name, content):
    if content is None:
        (directory / name).unlink()
    elif content == "foreign":
        create_authority(tmp_path / "other", NOW)
        (directory / name).write_bytes((tmp_path / "other" / name).read_bytes())
    else:
        (directory / name).write_bytes(content)
    before = snapshot(directory)
    with pytest.raises(ConfigurationError) as caught:
        renew_leaf(directory, NOW + LEAF_LIFE)
    assert caught.value.code == "tls.authority"
    assert snapshot(directory) == before


def test_an_authority_that_has_ended_signs_nothing(directory):
    with pytest.raises(ConfigurationError) as caught:
        renew_leaf(directory, NOW + timedelta(days=3653))
    assert caught.value.code == "tls.authority"


def test_a_certificate_never_outlives_its_authority(directory):
    assert renew_leaf(directory, NOW + timedelta(days=3600)) is True
    assert leaf_expires_at(server_files(directory)) == NOW + timedelta(days=3653)


@pytest.mark.parametrize("names", [(), ("",), ("a b",), ("-x",), ("x..y",), ("a" * 64,), ("ünï",), ("*",)])
def test_something_that_is_no_name_is_refused(tmp_path, names):
    with pytest.raises(ConfigurationError) as caught:
        create_authority(tmp_path / "tls", NOW, names)
    assert caught.value.code == "tls.name"
    assert not (tmp_path / "tls").exists()


def test_a_certificate_and_key_of_ones_own_are_checked(directory, tmp_path):
    own = server_files(directory).certificate.read_bytes()
    key = certificates.generate_key()
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    cut = own[: own.index(b"-----BEGIN PRIVATE")]
    (tmp_path / "cert.pem").write_bytes(cut)
    codes = {}
    for name, content in {"mismatch": plain, "encrypted": encrypted, "junk": b"junk", "good": own}.items():
        (tmp_path / name).write_bytes(content)
        codes[name] = code_of(TlsFiles(tmp_path / "cert.pem", tmp_path / name))
    codes["missing"] = code_of(TlsFiles(tmp_path / "cert.pem", tmp_path / "missing"))
    assert codes == {
        "mismatch": "tls.mismatch",
        "encrypted": "tls.unreadable",
        "junk": "tls.unreadable",
        "good": None,
        "missing": "tls.missing",
    }


def test_a_key_that_the_server_cannot_use_is_refused_before_it_starts(tmp_path):
    key = ec.generate_private_key(ec.SECP256K1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(30))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "own.pem").write_bytes(pem + private)
    assert code_of(TlsFiles(tmp_path / "own.pem", tmp_path / "own.pem")) == "tls.unsupported"


def test_the_default_names_are_those_of_this_machine(tmp_path):
    create_authority(tmp_path, NOW)
    context = ssl.create_default_context(cafile=str(authority_file(tmp_path)))
    assert len(context.get_ca_certs()) == 1
    leaf = certificate(server_files(tmp_path).certificate)
    assert [str(name.value) for name in certificates.alternative_names(leaf)] == ["localhost", "127.0.0.1", "::1"]


def code_of(tls):
    try:
        check_tls_files(tls)
    except ConfigurationError as error:
        return error.code
    return None


def test_a_disk_image_named_as_a_certificate_is_refused_unread(tmp_path):
    with (tmp_path / "image").open("wb") as file:
        file.truncate(8 * 2**30)
    with pytest.raises(ConfigurationError) as caught:
        check_tls_files(TlsFiles(tmp_path / "image", tmp_path / "image"))
    assert caught.value.code == "file.too-large"
