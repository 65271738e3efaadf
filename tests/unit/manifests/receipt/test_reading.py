"""Receipts as people bring them: files, texts, and both at once."""

import io

import pytest
from securesystemslib.signer import CryptoSigner

from manifests.errors import IncompleteError, MalformedError
from manifests.receipt import read_receipts, receipt_to_texts, sign_receipt
from manifests.receipt.reading import MAX_INPUT_BYTES
from tests.support.sites import realistic_receipt

RECEIPTS = tuple(
    sign_receipt(realistic_receipt(signer), signer) for signer in (CryptoSigner.generate_ed25519() for _ in "12")
)


def named(data, name="brought"):
    file = io.BytesIO(data)
    file.name = name
    return file


def texts(data, characters=400):
    return [text.encode() for text in receipt_to_texts(data, characters)]


def test_a_file_and_texts_of_another_receipt_are_both_found():
    brought = read_receipts([named(b"\n".join(texts(RECEIPTS[1]))), named(RECEIPTS[0])])
    assert sorted(brought.receipts) == sorted(RECEIPTS)
    assert (brought.oversized, brought.refusal) == ((), None)


def test_texts_may_be_spread_over_files_with_a_byte_order_mark_and_other_lines():
    found = texts(RECEIPTS[0])
    first = b"\xef\xbb\xbf" + b"\r\n".join(found[::2])
    second = b"Scanned on Monday\r\n" + b"\r\n".join(reversed(found[1::2]))
    assert read_receipts([named(second), named(first)]).receipts == (RECEIPTS[0],)


def test_the_same_receipt_brought_twice_is_one():
    brought = read_receipts([named(RECEIPTS[0]), named(b"\n".join(texts(RECEIPTS[0]))), named(RECEIPTS[0])])
    assert brought.receipts == (RECEIPTS[0],)


def test_white_space_before_a_receipt_file_is_left_for_its_verification():
    assert read_receipts([named(b"\n " + RECEIPTS[0])]).receipts == (b"\n " + RECEIPTS[0],)


@pytest.mark.parametrize(
    ("spoil", "kind", "code"),
    [
        (lambda found: found[1:], IncompleteError, "receipt.parts"),
        (lambda found: [found[0][:-3]], MalformedError, "receipt.text"),
    ],
)
def test_what_is_wrong_with_texts_keeps_no_file_out(spoil, kind, code):
    brought = read_receipts([named(b"\n".join(spoil(texts(RECEIPTS[1])))), named(RECEIPTS[0])])
    assert brought.receipts == (RECEIPTS[0],)
    assert isinstance(brought.refusal, kind)
    assert brought.refusal.code == code


def test_a_file_larger_than_any_receipt_is_named_and_no_further_read():
    class Endless(io.RawIOBase):
        name = "endless"

        def read(self, size=-1):
            assert 0 < size <= MAX_INPUT_BYTES + 1
            return b"{" * size

    brought = read_receipts([Endless(), named(RECEIPTS[0])])
    assert brought.oversized == ("endless",)
    assert brought.receipts == (RECEIPTS[0],)


def test_a_file_without_any_receipt_yields_none():
    brought = read_receipts([named(b"shopping list"), named(b"")])
    assert (brought.receipts, brought.oversized, brought.refusal) == ((), (), None)
