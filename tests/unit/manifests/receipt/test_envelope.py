"""Who says it: the envelope of a receipt."""

import base64
import json
import zlib

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from manifests.errors import MalformedError, NotAuthenticError
from manifests.receipt import (
    MAX_RECEIPT_BYTES,
    key_fingerprint,
    sign_receipt,
    verify_receipt,
)
from manifests.receipt.envelope import compact_receipt, expand_receipt
from manifests.schemas import strictjson
from tests.support.receipts import SIGNER, resigned
from tests.support.sites import receipt_of


def test_any_dsse_verifier_reads_a_receipt():
    envelope = Envelope.from_dict(json.loads(sign_receipt(receipt_of(SIGNER), SIGNER)))
    assert envelope.payload_type == "application/vnd.sealift.receipt+json"
    assert set(envelope.verify([SIGNER.public_key], 1)) == {SIGNER.public_key.keyid}
    assert json.loads(envelope.payload)["serial"] == 7


def test_the_fingerprint_is_the_key_id_in_groups_of_four():
    assert key_fingerprint("0123456789abcdef") == "0123 4567 89ab cdef"


@pytest.mark.parametrize(
    ("code", "mutate"),
    [
        pytest.param("json.syntax", lambda data: data[:-3], id="cut"),
        pytest.param("json.too-large", lambda data: data + b" " * MAX_RECEIPT_BYTES, id="padded"),
        pytest.param(
            "json.duplicate-key", lambda data: data.replace(b"{\n", b'{"payload": "AAAA",\n', 1), id="two payloads"
        ),
        pytest.param("receipt.form", lambda data: data + b"\n", id="newline"),
        pytest.param("receipt.form", lambda data: json.dumps(json.loads(data)).encode(), id="compact"),
        pytest.param(
            "receipt-envelope.schema", lambda data: data.replace(b"receipt+json", b"manifest+json"), id="other type"
        ),
        pytest.param("receipt-envelope.schema", lambda data: data.replace(b'"keyid"', b'"key"'), id="other field"),
    ],
)
def test_an_envelope_that_is_not_written_our_way_is_refused(code, mutate):
    with pytest.raises(MalformedError) as refused:
        verify_receipt(mutate(sign_receipt(receipt_of(SIGNER), SIGNER)))
    assert refused.value.code == code
    assert refused.value.todo


def test_the_last_bits_of_base64_cannot_carry_anything():
    value = json.loads(sign_receipt(receipt_of(SIGNER), SIGNER))
    value["signatures"][0]["sig"] = value["signatures"][0]["sig"][:-3] + "B=="
    with pytest.raises(MalformedError) as refused:
        verify_receipt(strictjson.encode_json(value))
    assert refused.value.code == "receipt.form"


def test_a_receipt_by_another_key_than_it_names_is_not_authentic():
    with pytest.raises(NotAuthenticError) as refused:
        verify_receipt(resigned(lambda value: value.update(serial=8), CryptoSigner.generate_ed25519()))
    assert refused.value.code == "receipt.signature"


def test_the_compact_form_is_signature_and_document_and_inflates_within_bounds():
    data = sign_receipt(receipt_of(SIGNER), SIGNER)
    compact = compact_receipt(data)
    value = json.loads(data)
    assert compact[:64] == base64.b64decode(value["signatures"][0]["sig"])
    assert zlib.decompress(compact[64:]) == base64.b64decode(value["payload"])
    bomb = compact[:64] + zlib.compress(b" " * 2**24)
    for bad in (bomb, compact[:-1], compact + b"x", compact[:64], b""):
        with pytest.raises(MalformedError) as refused:
            expand_receipt(bad)
        assert refused.value.code == "receipt.form"
