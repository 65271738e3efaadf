"""Receipts as documents, envelopes and texts."""

import base64
import hashlib
import json
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from manifests import strictjson
from manifests.errors import IncompleteError, MalformedError, NotAuthenticError
from manifests.receipt import (
    MAX_DIGESTS,
    MAX_RANGES,
    MAX_RECEIPT_BYTES,
    MAX_TEXT_CHARACTERS,
    RECEIPT_PAYLOAD_TYPE,
    base45,
    check_note,
    document,
    key_fingerprint,
    receipt_to_texts,
    receipts_from_texts,
    sign_receipt,
    verify_receipt,
)
from manifests.receipt.document import MAX_GENERATIONS
from manifests.receipt.envelope import compact_receipt, expand_receipt
from tests.support.sites import realistic_receipt, receipt_of

SIGNER = CryptoSigner.generate_ed25519()


def resigned(change, signer=SIGNER):
    """Sign a document that no relay would write."""
    value = json.loads(document.encode_receipt(realistic_receipt(SIGNER)))
    change(value)
    payload = json.dumps(value).encode()
    envelope = Envelope(payload, RECEIPT_PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return strictjson.encode_json(envelope.to_dict())


def digests(count):
    return tuple(sorted(hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)))


def test_a_receipt_comes_back_as_it_was_signed():
    receipt = realistic_receipt(SIGNER)
    data = sign_receipt(receipt, SIGNER)
    assert verify_receipt(data).receipt == receipt
    assert verify_receipt(data).data == data
    assert verify_receipt(data).receipt.newest == 412
    bare = receipt_of(
        SIGNER,
        publisher=None,
        generations=(),
        rings=(("default", 0),),
        sources=(),
        timestamp_version=0,
        snapshot_version=0,
    )
    assert verify_receipt(sign_receipt(bare, SIGNER)).receipt == bare
    assert bare.newest == 0


def test_a_pending_generation_comes_back():
    receipt = receipt_of(SIGNER, pending_generation=4, pending_holds=digests(5))
    assert verify_receipt(sign_receipt(receipt, SIGNER)).receipt == receipt
    parts = tuple((digest, ((0, 10), (4096, 9 * 2**32))) for digest in digests(3))
    receipt = receipt_of(SIGNER, pending_generation=4, pending_holds=digests(5), pending_parts=parts)
    assert verify_receipt(sign_receipt(receipt, SIGNER)).receipt == receipt


def pending(*ranges: list[int]) -> dict[str, object]:
    return {"generation": 9, "holds": [], "parts": {"a" * 64: list(ranges)}}


def test_any_dsse_verifier_reads_a_receipt():
    envelope = Envelope.from_dict(json.loads(sign_receipt(receipt_of(SIGNER), SIGNER)))
    assert envelope.payload_type == "application/vnd.sealift.receipt+json"
    assert set(envelope.verify([SIGNER.public_key], 1)) == {SIGNER.public_key.keyid}
    assert json.loads(envelope.payload)["serial"] == 7


def test_the_fingerprint_is_the_key_id_in_groups_of_four():
    assert key_fingerprint("0123456789abcdef") == "0123 4567 89ab cdef"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        pytest.param("receipt.schema", lambda value: value.update(host="relay-7.internal"), id="names a host"),
        pytest.param("receipt.schema", lambda value: value.update(serial=0), id="serial 0"),
        pytest.param("receipt.schema", lambda value: value.pop("holds"), id="no holds"),
        pytest.param("receipt.schema", lambda value: value["site"].update(note="two\nlines"), id="note of two lines"),
        pytest.param("receipt.schema", lambda value: value["site"].update(name="No Name"), id="name with a capital"),
        pytest.param("receipt.schema", lambda value: value["damage"].update(mood=1), id="unknown damage"),
        pytest.param("receipt.schema", lambda value: value.update(gates=["clamav"]), id="a gate"),
        pytest.param(
            "receipt.schema",
            lambda value: value["holds"].update(without=list(digests(MAX_DIGESTS + 1))),
            id="too many digests",
        ),
        pytest.param(
            "receipt.order",
            lambda value: value["holds"].update(without=list(digests(2))[::-1]),
            id="digests descending",
        ),
        pytest.param(
            "receipt.ranges",
            lambda value: value["holds"].update(pending=pending([0, 5], [5, 9])),
            id="ranges of bytes that touch",
        ),
        pytest.param(
            "receipt.ranges", lambda value: value["holds"].update(pending=pending([5, 5])), id="an empty range"
        ),
        pytest.param(
            "receipt.ranges",
            lambda value: value["holds"].update(
                pending={
                    "generation": 9,
                    "holds": [],
                    "parts": {d: [[2 * k, 2 * k + 1] for k in range(MAX_RANGES)] for d in digests(2)},
                }
            ),
            id="too many ranges",
        ),
        pytest.param(
            "receipt.schema",
            lambda value: value["holds"].update(pending=pending([0, -5])),
            id="a range that ends before the beginning",
        ),
        pytest.param(
            "receipt.order",
            lambda value: value["holds"].update(pending={"generation": 9, "holds": ["a" * 64] * 2}),
            id="pending digest twice",
        ),
        pytest.param(
            "receipt.generations", lambda value: value["holds"].update(generations=[[3, 2]]), id="range backwards"
        ),
        pytest.param(
            "receipt.generations",
            lambda value: value["holds"].update(generations=[[1, 2], [3, 4]]),
            id="ranges that touch",
        ),
        pytest.param(
            "receipt.generations",
            lambda value: value["holds"].update(generations=[[1, MAX_GENERATIONS + 1]]),
            id="too many generations",
        ),
        pytest.param(
            "receipt.generations", lambda value: value["holds"].update(generations=[[1, 2**52]]), id="an endless range"
        ),
        pytest.param("name.publisher", lambda value: value.update(publisher="../x"), id="publisher is no name"),
        pytest.param(
            "name.source", lambda value: value["sources"].update(root="2026-10-01T08:00:00Z"), id="source is a role"
        ),
        pytest.param("time.format", lambda value: value.update(created="2026-02-31T08:00:00Z"), id="no such day"),
        pytest.param("json.integer", lambda value: value.update(free_bytes=2**60), id="number too large"),
    ],
)
def test_a_signed_document_that_breaks_the_format_is_refused(code, change):
    with pytest.raises(MalformedError) as refused:
        verify_receipt(resigned(change))
    assert refused.value.code == code


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


# Texts for QR codes


@pytest.mark.parametrize(
    ("data", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")]
)
def test_base45_is_that_of_its_rfc(data, text):
    assert base45.encode_base45(data) == text
    assert base45.decode_base45(text) == data


@pytest.mark.parametrize("text", ["GGW", "::", ":::", "0", "AB8B", "bb8", "B\u00c48"])
def test_what_no_bytes_are_written_as_is_no_base45(text):
    with pytest.raises(ValueError, match="base45"):
        base45.decode_base45(text)


@given(st.binary(max_size=200))
def test_base45_comes_back(data):
    assert base45.decode_base45(base45.encode_base45(data)) == data


def test_a_realistic_site_fits_in_one_code_and_half_of_its_room():
    (text,) = receipt_to_texts(sign_receipt(realistic_receipt(SIGNER), SIGNER))
    assert text.startswith("SEALIFT1:1/1:")
    assert len(text) <= MAX_TEXT_CHARACTERS / 2
    assert len(text) <= 1249, "a code of version 20, 97 modules: a console of 101 columns and 53 lines"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_texts_in_any_order_make_the_receipt_bit_for_bit(data):
    whole = sign_receipt(receipt_of(SIGNER, without=digests(data.draw(st.integers(0, 20)))), SIGNER)
    texts = receipt_to_texts(whole, data.draw(st.integers(114, 400)))
    mixed = data.draw(st.permutations([*texts, *texts[:2]]))
    assert receipts_from_texts(["10:31  scanned", *mixed, ""]) == (whole,)


def test_texts_of_two_receipts_may_be_mixed():
    one, two = (sign_receipt(receipt_of(SIGNER, serial=serial, without=digests(9)), SIGNER) for serial in (1, 2))
    lines = [*receipt_to_texts(one, 200), *receipt_to_texts(two, 200)]
    random.Random(3).shuffle(lines)
    assert set(receipts_from_texts(lines)) == {one, two}


def test_missing_texts_are_named():
    texts = receipt_to_texts(sign_receipt(receipt_of(SIGNER, without=digests(9)), SIGNER), 200)
    assert len(texts) > 4
    with pytest.raises(IncompleteError) as refused:
        receipts_from_texts([texts[0], *texts[3:]])
    assert refused.value.code == "receipt.parts"
    assert refused.value.need == "2, 3"
    assert refused.value.todo == "scan code 2 and 3 too"


@given(st.binary(min_size=1, max_size=9))
def test_no_text_ends_in_a_space_that_an_editor_could_take_away(data):
    assert not base45.encode_base45(data).endswith(" ")
    whole = sign_receipt(receipt_of(SIGNER), SIGNER)
    assert receipts_from_texts([f"  {text} \t\r\n" for text in receipt_to_texts(whole)]) == (whole,)


def test_a_text_that_was_not_copied_whole_is_refused():
    (text,) = receipt_to_texts(sign_receipt(receipt_of(SIGNER), SIGNER))
    flipped = text[:40] + ("A" if text[40] != "A" else "B") + text[41:]
    lower = text.lower().replace("sealift1", "SEALIFT1")
    bad_ones = (text[:-1], text[:-20], flipped, text.replace("1/1", "1/2"), lower, "SEALIFT1:2/1:AAA", "SEALIFT1:1/1:")
    for bad in bad_ones:
        with pytest.raises(MalformedError) as refused:
            receipts_from_texts([bad])
        assert refused.value.code == "receipt.text", bad


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


def test_a_receipt_with_too_many_codes_says_so_and_the_largest_receipt_still_fits():
    largest = sign_receipt(receipt_of(SIGNER, without=digests(MAX_DIGESTS)), SIGNER)
    assert len(receipt_to_texts(largest)) <= 40
    with pytest.raises(MalformedError) as refused:
        receipt_to_texts(largest, 114)
    assert refused.value.code == "receipt.too-large"


@pytest.mark.parametrize("note", ["", "x" * 201, "two\nlines", "a\tb", "\u202eback"])
def test_a_note_is_one_visible_line(note):
    with pytest.raises(MalformedError) as refused:
        check_note(note)
    assert refused.value.code == "name.note"
    assert check_note("zweite Schleuse, Süd") == "zweite Schleuse, Süd"
