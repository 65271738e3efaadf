"""Compiled schemas against the reference implementation."""

from __future__ import annotations

import copy
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from manifests.schemas import documents as schemas
from manifests.schemas.accept import compile_schema, ecma_pattern
from tests.support.schemas import DIGEST, DOCUMENTS, NAMES

ODD = st.sampled_from(
    (
        *(None, True, False, 0, -1, 1, 2**31, 2**53, [], {}, [1], {"a": 1}),
        *("", "a", "a\n", DIGEST, DIGEST + "\n", DIGEST.upper(), "full", "since", "fresh", "rules", "notes.md"),
        *("2026-11-21T23:06:00Z\n", "x" * 2001, "a\x1bb", "a\u202eb"),
    )
)


def places(value, path=()):
    """Every place of a document."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def mutated(document, data: st.DataObject):
    """The document with one place replaced, removed, added to or doubled."""
    changed = {"document": copy.deepcopy(document)}
    path = data.draw(st.sampled_from([("document", *place) for place in places(document)]))
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    kind = data.draw(st.sampled_from(["replace", "remove", "add", "double"]))
    value = parent[path[-1]]
    if kind == "remove" and len(path) > 1:
        del parent[path[-1]]
    elif kind == "add" and isinstance(value, dict):
        value[data.draw(st.sampled_from(["extra", "since", "failure", "facts", "A", ""]))] = data.draw(ODD)
    elif kind == "double" and isinstance(value, list) and value:
        value.append(copy.deepcopy(value[0]))
    else:
        parent[path[-1]] = data.draw(ODD)
    return changed["document"]


@cache
def readings(name: str):
    """A shipped schema compiled, and in the hands of the reference implementation."""
    schema = schemas.load_schema(name)
    return compile_schema(schema), Draft202012Validator(schemas._as_python(schema))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_schema_compiles(name: str) -> None:
    assert compile_schema(schemas.load_schema(name))(object()) is False


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
@settings(max_examples=300)
def test_the_compiled_schema_and_the_reference_agree(name: str, data: st.DataObject) -> None:
    document = DOCUMENTS[name]
    for _ in range(data.draw(st.integers(1, 2))):
        document = mutated(document, data)
    accept, reference = readings(name)
    assert accept(document) is reference.is_valid(document)


KEYWORDS = st.sampled_from(
    [
        {"type": "string", "minLength": 1, "maxLength": 3},
        {"minLength": 2},
        {"pattern": "^a*$"},
        {"pattern": "b"},
        {"type": "integer", "minimum": 0, "maximum": 5},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 3},
        {"minimum": 1},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", "b"]},
        {"const": "a"},
        {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": True, "items": {"type": "string"}},
        {"items": False},
        {"required": ["a"]},
        {"properties": {"a": {"type": "integer"}}, "additionalProperties": False},
        {"properties": {"a": False}},
        {"additionalProperties": {"type": "string"}},
        {"propertyNames": {"maxLength": 1}, "minProperties": 1, "maxProperties": 1},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"minimum": 1}, {"maximum": 2}]},
        {"allOf": [{"minimum": 1}, {"maximum": 2}]},
        {"not": {"type": "string"}},
        {"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"type": "array"}},
        {"if": {"type": "string"}, "else": {"type": "array"}},
        {"$ref": "#/$defs/short", "$defs": {"short": {"type": "string", "maxLength": 1}}},
        {},
        {"title": "anything", "description": "goes"},
    ]
)


ANYTHING = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, 3, 6, -1, 1.0, 2.5, "", "a", "ab", "abc", "aaaa", "a\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ab"]), inner, max_size=2),
    max_leaves=4,
)


@given(schema=KEYWORDS, value=ANYTHING)
@settings(max_examples=400)
def test_every_keyword_means_what_the_reference_says(schema: dict, value) -> None:
    reference = Draft202012Validator(schemas._as_python(schema))
    assert compile_schema(schema)(value) is reference.is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"format": "uri"},
        {"patternProperties": {}},
        {"type": ["string", "null"]},
        {"enum": [1]},
        {"properties": {"a": {"contains": 1}}},
    ],
)
def test_a_schema_that_cannot_be_compiled_is_not_compiled_halfway(schema: dict) -> None:
    with pytest.raises(NotImplementedError):
        compile_schema(schema)


def test_a_final_dollar_means_the_very_end() -> None:
    assert ecma_pattern("^a$") == r"^a\Z"
    assert ecma_pattern("^a") == "^a"
    assert not compile_schema({"pattern": "^a$"})("a\n")
