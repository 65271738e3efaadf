"""The detached signature: exactly these bytes, by enough of exactly these keys, in exactly one form."""

from __future__ import annotations

import json

import pytest
from securesystemslib.signer import CryptoSigner, Signer

from manifests.errors import MalformedError, NotAuthenticError
from manifests.manifest import signature
from manifests.schemas import strictjson

DOCUMENT = b'{"a": 1}\n'
ALICE, BOB, MALLORY = sorted((CryptoSigner.generate_ed25519() for _ in range(3)), key=lambda s: s.public_key.keyid)


def keys(*signers: Signer):
    return {signer.public_key.keyid: signer.public_key for signer in signers}


def refusal(data: bytes, *, document: bytes = DOCUMENT, trusted=(ALICE, BOB), threshold: int = 1):
    with pytest.raises((MalformedError, NotAuthenticError)) as caught:
        signature.verify_signature(document, data, keys(*trusted), threshold)
    return caught.value.code


def changed(data: bytes, change) -> bytes:
    value = json.loads(data)
    change(value)
    return strictjson.encode_json(value)


def test_what_is_signed_is_bound_to_its_type_and_length() -> None:
    kind = b"application/vnd.sealift.manifest+json"
    assert signature.pre_authentication_encoding(b"abc") == b"DSSEv1 37 " + kind + b" 3 abc"


@pytest.mark.parametrize(
    "generate", [CryptoSigner.generate_ed25519, CryptoSigner.generate_ecdsa, CryptoSigner.generate_rsa]
)
def test_every_kind_of_key_signs_and_verifies(generate) -> None:
    signer = generate()
    signature.verify_signature(DOCUMENT, signature.sign_manifest(DOCUMENT, [signer]), keys(signer), 1)


def test_the_order_of_signers_does_not_matter() -> None:
    assert signature.sign_manifest(DOCUMENT, [ALICE, BOB]) == signature.sign_manifest(DOCUMENT, [BOB, ALICE])
    signature.verify_signature(DOCUMENT, signature.sign_manifest(DOCUMENT, [BOB, ALICE]), keys(ALICE, BOB), 2)


def test_other_bytes_are_refused() -> None:
    assert refusal(signature.sign_manifest(DOCUMENT, [ALICE]), document=DOCUMENT + b" ") == "signature.invalid"
    assert refusal(signature.sign_manifest(DOCUMENT, [ALICE]), document=b"") == "signature.invalid"


def test_a_strange_key_is_refused_even_beside_good_ones() -> None:
    assert refusal(signature.sign_manifest(DOCUMENT, [MALLORY])) == "signature.unknown-key"
    assert refusal(signature.sign_manifest(DOCUMENT, [ALICE, BOB, MALLORY])) == "signature.unknown-key"


def test_a_strange_key_under_a_trusted_id_is_refused() -> None:
    data = signature.sign_manifest(DOCUMENT, [MALLORY])
    claimed = changed(data, lambda value: value["signatures"][0].update(keyid=ALICE.public_key.keyid))
    assert refusal(claimed) == "signature.invalid"


def test_too_few_keys_are_refused() -> None:
    assert refusal(signature.sign_manifest(DOCUMENT, [ALICE]), threshold=2) == "signature.threshold"


def test_a_key_counts_once() -> None:
    data = signature.sign_manifest(DOCUMENT, [ALICE])
    twice = changed(data, lambda value: value["signatures"].append(value["signatures"][0]))
    assert refusal(twice, threshold=2) == "signature.form"


def test_every_single_flipped_bit_is_refused() -> None:
    data = signature.sign_manifest(DOCUMENT, [ALICE, BOB])
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            with pytest.raises((MalformedError, NotAuthenticError)):
                signature.verify_signature(DOCUMENT, bytes(flipped), keys(ALICE, BOB), 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda value: value.update(payloadType="application/json"), "signature.schema"),
        (lambda value: value.update(extra=1), "signature.schema"),
        (lambda value: value.pop("signatures"), "signature.schema"),
        (lambda value: value["signatures"].clear(), "signature.schema"),
        (lambda value: value["signatures"][0].update(keyid="A" * 64), "signature.schema"),
        (lambda value: value["signatures"][0].update(keyid="short"), "signature.schema"),
        (lambda value: value["signatures"][0].update(sig=""), "signature.schema"),
        (lambda value: value["signatures"][0].update(sig="abc"), "signature.schema"),
        (lambda value: value["signatures"][0].update(sig="00"), "signature.invalid"),
        (lambda value: value["signatures"][0].update(sig="00" * 64), "signature.invalid"),
        (lambda value: value["signatures"].reverse(), "signature.form"),
    ],
    ids=range(11),
)
def test_one_changed_field_of_the_signature_is_refused_with_its_own_code(change, code: str) -> None:
    assert refusal(changed(signature.sign_manifest(DOCUMENT, [ALICE, BOB]), change)) == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json.syntax"),
        (b"[]", "signature.schema"),
        (b" " * 70_000, "json.too-large"),
        (signature.sign_manifest(DOCUMENT, [ALICE]).replace(b"\n", b"\r\n"), "signature.form"),
        (signature.sign_manifest(DOCUMENT, [ALICE]).rstrip(), "signature.form"),
        (json.dumps(json.loads(signature.sign_manifest(DOCUMENT, [ALICE]))).encode(), "signature.form"),
    ],
    ids=["empty", "array", "large", "crlf", "no newline", "other layout"],
)
def test_other_forms_are_refused(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_nobody_signed() -> None:
    assert (
        refusal(strictjson.encode_json({"payloadType": signature.MANIFEST_PAYLOAD_TYPE, "signatures": []}))
        == "signature.schema"
    )
