"""Receipts as texts for QR codes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import IncompleteError, MalformedError
from manifests.receipt import (
    MAX_DIGESTS,
    MAX_TEXT_CHARACTERS,
    base45,
    receipt_to_texts,
    receipts_from_texts,
    sign_receipt,
)
from tests.support.receipts import SIGNER, digests
from tests.support.sites import realistic_receipt, receipt_of


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


def test_a_receipt_with_too_many_codes_says_so_and_the_largest_receipt_still_fits():
    largest = sign_receipt(receipt_of(SIGNER, without=digests(MAX_DIGESTS)), SIGNER)
    assert len(receipt_to_texts(largest)) <= 40
    with pytest.raises(MalformedError) as refused:
        receipt_to_texts(largest, 114)
    assert refused.value.code == "receipt.too-large"
