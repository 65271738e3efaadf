"""Strict JSON: what is accepted is accepted by everybody in the same way."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import MalformedError
from manifests.schemas import strictjson

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda t: unicodedata.normalize("NFC", t))
WHOLE = st.integers(-strictjson.MAX_INTEGER, strictjson.MAX_INTEGER)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


def decode(text: str | bytes, max_bytes: int = 10_000, max_depth: int = 32):
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return strictjson.decode_json(data, name="x.json", max_bytes=max_bytes, max_depth=max_depth)


def refusal(text: str | bytes, **limits: int) -> str:
    with pytest.raises(MalformedError) as caught:
        decode(text, **limits)
    assert "x.json" in caught.value.what
    return caught.value.code


CODES = tuple(
    f"json.{reason}" for reason in ("depth", "duplicate-key", "float", "integer", "nfc", "syntax", "too-large", "utf8")
)


def outcome(data: bytes):
    """What a document says, or the code of its refusal."""
    try:
        return decode(data)
    except MalformedError as error:
        return error.code


@given(VALUES)
def test_what_we_write_reads_back(value) -> None:
    assert decode(strictjson.encode_json(value), max_bytes=1_000_000) == value


@given(VALUES)
def test_there_is_one_way_to_write_a_value(value) -> None:
    once = strictjson.encode_json(value)
    assert strictjson.encode_json(decode(once, max_bytes=1_000_000)) == once
    assert once.endswith(b"\n")


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_value_or_one_of_our_errors(data: bytes) -> None:
    value = outcome(data)
    assert value in CODES or value == json.loads(data)


@given(VALUES)
def test_escaped_and_plain_spelling_are_judged_alike(value) -> None:
    assert decode(json.dumps(value, ensure_ascii=True), max_bytes=1_000_000) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1, "a": 1}', "json.duplicate-key"),
        ('{"b": {"a": 1, "\\u0061": 2}}', "json.duplicate-key"),
        ("1.0", "json.float"),
        ("1e3", "json.float"),
        ("-0.0", "json.float"),
        ("NaN", "json.float"),
        ("[Infinity, 1]", "json.float"),
        ("-Infinity", "json.float"),
        ("9007199254740992", "json.integer"),
        ("-9007199254740992", "json.integer"),
        ("1" * 5000, "json.integer"),
        ('"e\u0301"', "json.nfc"),
        ('"e\\u0301"', "json.nfc"),
        ('{"e\\u0301": 1}', "json.nfc"),
        ('{"e\u0301": 1}', "json.nfc"),
        ('"\\ud800"', "json.utf8"),
        ('{"\\udfff": 1}', "json.utf8"),
        ('"a', "json.syntax"),
        ("[1,]", "json.syntax"),
        ("{'a': 1}", "json.syntax"),
        ("01", "json.syntax"),
        ("1 2", "json.syntax"),
        ("", "json.syntax"),
        ('"tab\there"', "json.syntax"),
        ("\ufeff1", "json.syntax"),
        ("// comment\n1", "json.syntax"),
    ],
)
def test_ambiguous_documents_are_refused(text: str, code: str) -> None:
    assert refusal(text) == code


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\xff", "json.utf8"), (b'"\xed\xa0\x80"', "json.utf8"), ('"a"'.encode("utf-16"), "json.utf8")],
)
def test_only_utf8_is_read(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_the_largest_whole_numbers_are_kept() -> None:
    assert decode(f"[{strictjson.MAX_INTEGER}, -{strictjson.MAX_INTEGER}]") == [2**53 - 1, 1 - 2**53]


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert decode('"\\ud83d\\ude00"') == "\U0001f600"


def test_size_is_judged_before_anything_is_read() -> None:
    assert decode(b" " * 9 + b"1", max_bytes=10) == 1
    assert refusal(b"\xff" * 11, max_bytes=10) == "json.too-large"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_has_a_ceiling(opening: str, closing: str) -> None:
    inner = "[]" if opening == "[" else "{}"
    assert decode(opening * 31 + inner + closing * 31) is not None
    assert refusal(opening * 32 + inner + closing * 32) == "json.depth"
    deep = 2 * sys.getrecursionlimit()
    assert refusal(opening * deep + inner + closing * deep, max_bytes=10**6) == "json.depth"


def test_a_scalar_has_no_depth() -> None:
    assert decode("1", max_depth=0) == 1
    assert refusal("[]", max_depth=0) == "json.depth"


def test_a_duplicate_among_very_many_keys_is_named() -> None:
    keys = ", ".join(f'"k{number}": 0' for number in range(100_000))
    with pytest.raises(MalformedError) as caught:
        decode(f'{{{keys}, "k99999": 0}}', max_bytes=10**7)
    assert caught.value.code == "json.duplicate-key"
    assert "'k99999'" in caught.value.what


def test_floats_are_not_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        strictjson.encode_json(float("nan"))


def test_a_list_and_what_holds_one_has_an_entry_on_a_line_and_all_else_stands_on_one() -> None:
    value = {"b": [{"z": 1, "a": {"c": "ä"}}, {"d": [2, 3], "e": {}}, []], "a": {"f": None}, "g": {"h": [{}]}}
    assert strictjson.encode_json(value).decode() == (
        "{\n"
        ' "a": {"f": null},\n'
        ' "b": [\n'
        '  {"a": {"c": "ä"}, "z": 1},\n'
        "  {\n"
        '   "d": [\n'
        "    2,\n"
        "    3\n"
        "   ],\n"
        '   "e": {}\n'
        "  },\n"
        "  []\n"
        " ],\n"
        ' "g": {\n'
        '  "h": [\n'
        "   {}\n"
        "  ]\n"
        " }\n"
        "}\n"
    )
