"""One key is one key, however it is written."""

from __future__ import annotations

import base64
import textwrap

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey
from tuf.api.metadata import Metadata, Role, Root, Timestamp

from manifests.errors import NotAuthenticError
from manifests.manifest import signature
from manifests.trust import count_keys, key_identity
from manifests.trust.documents import check_signatures, parse_metadata

CURVES = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "521": ec.SECP521R1()}
OIDS = {"256": "06082a8648ce3d030107", "384": "06052b81040022", "521": "06052b81040023"}


def tlv(tag: int, data: bytes) -> bytes:
    length = bytes([len(data)]) if len(data) < 128 else b"\x81" + bytes([len(data)])
    return bytes([tag]) + length + data


def compressed(key: ec.EllipticCurvePublicKey, bits: str) -> str:
    """Write the same key with its point compressed, which no key file of ours does."""
    point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce3d0201" + OIDS[bits]))
    return pem(tlv(0x30, algorithm + tlv(0x03, b"\x00" + point)))


def pem(der: bytes, width: int = 64, *, around: str = "") -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), width))
    return f"{around}-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n{around}"


def forms(signer: CryptoSigner) -> list[SSlibKey]:
    """The signer's key under several key ids and encodings; each verifies what it signs."""
    key = signer.public_key
    assert isinstance(key, SSlibKey)
    crypto = key._crypto_key()
    if key.keytype == "ed25519":
        public = str(key.keyval["public"])
        written = [public, public.upper(), " ".join(textwrap.wrap(public, 2))]
    else:
        der = crypto.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        written = [pem(der), pem(der, 32), pem(der, 76), pem(der).replace("\n", "\r\n"), pem(der, around="# note\n")]
        if isinstance(crypto, ec.EllipticCurvePublicKey):
            written.append(compressed(crypto, str(crypto.curve.key_size)))
    texts = [str(key.keyval["public"]), *written]
    made = [SSlibKey(f"{index:064x}", key.keytype, key.scheme, {"public": text}) for index, text in enumerate(texts)]
    for one in made:
        one.verify_signature(Signature(one.keyid, signer.sign(b"data").signature), b"data")
    return made


SIGNERS = {
    "ed25519": CryptoSigner.generate_ed25519(),
    "rsa": CryptoSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    **{f"ecdsa-{bits}": CryptoSigner(ec.generate_private_key(curve)) for bits, curve in CURVES.items()},
}


@pytest.mark.parametrize("kind", SIGNERS)
def test_one_key_has_one_identity_in_every_form(kind: str) -> None:
    keys = forms(SIGNERS[kind])
    assert len({key_identity(key) for key in keys}) == count_keys(keys) == 1
    assert count_keys([*keys, CryptoSigner.generate_ed25519().public_key]) == 2


def test_a_key_under_another_scheme_is_the_same_key() -> None:
    key = SIGNERS["rsa"].public_key
    other = SSlibKey("0" * 64, "rsa", "rsa-pkcs1v15-sha256", dict(key.keyval))
    assert count_keys([key, other]) == 1


@pytest.mark.parametrize("public", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "ff"])
def test_what_is_no_key_is_told_apart_by_its_text(public: str) -> None:
    keys = [
        SSlibKey("0" * 64, "ecdsa", "ecdsa-sha2-nistp256", {"public": text}) for text in (public, f" {public}", "x")
    ]
    assert count_keys(keys) == 2


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_threshold_of_two_is_not_met_by_one_key_in_two_forms(kind: str) -> None:
    signer, other = SIGNERS[kind], CryptoSigner.generate_ed25519()
    for form in forms(signer)[1:]:
        keys = {key.keyid: key for key in (signer.public_key, form, other.public_key)}
        root = Root(
            keys=keys, roles={name: Role(list(keys), 2) for name in ("root", "timestamp", "snapshot", "targets")}
        )
        metadata = Metadata(Timestamp())
        signed = signer.sign(metadata.signed_bytes)
        for keyid in (signer.public_key.keyid, form.keyid):
            metadata.signatures[keyid] = Signature(keyid, signed.signature)
        document = parse_metadata(Timestamp, metadata.to_bytes(), "timestamp", 100_000)
        with pytest.raises(NotAuthenticError) as caught:
            check_signatures(root, "timestamp", document)
        assert (caught.value.code, caught.value.have) == ("tuf.signature.timestamp", "1 valid signature")
        metadata.sign(other, append=True)
        check_signatures(root, "timestamp", parse_metadata(Timestamp, metadata.to_bytes(), "timestamp", 100_000))


@pytest.mark.parametrize("kind", SIGNERS)
def test_neither_is_that_of_the_manifests_signature(kind: str) -> None:
    signer, other = SIGNERS[kind], CryptoSigner.generate_ed25519()

    class AsForm:
        """Signs with the same private key under the id of another form."""

        def __init__(self, keyid: str) -> None:
            self.keyid = keyid

        def sign(self, data: bytes) -> Signature:
            return Signature(self.keyid, signer.sign(data).signature)

    for form in forms(signer)[1:]:
        keys = {key.keyid: key for key in (signer.public_key, form, other.public_key)}
        twice = signature.sign_manifest(b"{}", [signer, AsForm(form.keyid)])
        with pytest.raises(NotAuthenticError) as caught:
            signature.verify_signature(b"{}", twice, keys, 2)
        assert (caught.value.code, caught.value.have) == ("signature.threshold", "valid signatures of 1 key")
        signature.verify_signature(b"{}", signature.sign_manifest(b"{}", [signer, other]), keys, 2)
