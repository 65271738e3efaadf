"""Receipts as documents, envelopes and texts."""

import pytest

from manifests.errors import MalformedError
from manifests.receipt import (
    MAX_DIGESTS,
    MAX_RANGES,
    check_note,
    sign_receipt,
    verify_receipt,
)
from manifests.receipt.document import MAX_GENERATIONS
from tests.support.receipts import SIGNER, digests, resigned
from tests.support.sites import realistic_receipt, receipt_of


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


@pytest.mark.parametrize("note", ["", "x" * 201, "two\nlines", "a\tb", "\u202eback"])
def test_a_note_is_one_visible_line(note):
    with pytest.raises(MalformedError) as refused:
        check_note(note)
    assert refused.value.code == "name.note"
    assert check_note("zweite Schleuse, Süd") == "zweite Schleuse, Süd"
