"""What breaks a schema is said in words: no Python, no regular expression."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from manifests.schemas.words import rule_text, value_text


@pytest.mark.parametrize(
    ("value", "schema", "said"),
    [
        (5, {"type": "string"}, "5, instead of text in quotes"),
        ("5", {"type": "integer"}, '"5", instead of a whole number'),
        (True, {"type": ["string", "null"]}, "true, instead of text in quotes or null"),
        ({}, {"type": "array"}, "{}, instead of a list"),
        ("no", {"type": "boolean"}, '"no", instead of true or false'),
        ("c", {"enum": ["a", "b"]}, '"c", instead of one of "a", "b"'),
        (0, {"minimum": 1}, "0, instead of at least 1"),
        ("", {"minLength": 1}, '"", instead of not empty'),
        ([], {"minItems": 1}, "[], instead of at least 1 entry"),
        ([1, 1], {"uniqueItems": True}, "[1, 1], instead of no entry twice"),
        ("x y", {"pattern": "^[a-z]{1,3}$"}, '"x y" does not have the right form'),
        ({}, {"required": ["name"]}, "the key name is missing"),
        ({"nmae": 1}, {"properties": {"name": {}}, "additionalProperties": False}, "there is no key nmae"),
    ],
)
def test_a_broken_rule_is_said_in_words(value: Any, schema: dict[str, Any], said: str) -> None:
    assert [rule_text(error) for error in Draft202012Validator(schema).iter_errors(value)] == [said]


def test_a_long_value_is_cut_to_a_line() -> None:
    assert value_text("é" * 200) == '"' + "é" * 76 + "..."
