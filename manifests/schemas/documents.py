"""The JSON Schemas that ship in this package."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from manifests.errors import MalformedError
from manifests.schemas.accept import Accept, compile_schema, ecma_pattern
from manifests.schemas.words import rule_text

_MAX_ERRORS = 32
"""How many errors are compared to find the one worth telling."""


@cache
def load_schema(schema_name: str) -> dict[str, Any]:
    """Return the schema ``manifests/data/<schema_name>.schema.json``."""
    text = files("manifests").joinpath("data", f"{schema_name}.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_document(value: Any, schema_name: str, *, name: str) -> None:
    """Refuse a decoded document that its schema does not allow.

    Args:
        value: The decoded document.
        schema_name: File name below ``manifests/data`` without ``.schema.json``.
        name: What to call the document in errors.

    Raises:
        MalformedError: ``<schema_name>.schema``, with the place and the rule that it breaks.
    """
    if not _accept(schema_name)(value):
        place, rule = explain_refusal(value, load_schema(schema_name))
        raise MalformedError(
            f"{schema_name}.schema", f"{name} breaks its schema at {place}: {rule[:300]}", path=place[:300]
        )


def explain_refusal(value: Any, schema: dict[str, Any]) -> tuple[str, str]:
    """Return where a refused document breaks its schema, and which rule, in words."""
    from jsonschema import Draft202012Validator  # a tenth of a second that only a refusal costs
    from jsonschema.exceptions import best_match

    error = best_match(islice(Draft202012Validator(_as_python(schema)).iter_errors(value), _MAX_ERRORS))
    return ("$", "it is not what the schema describes") if error is None else (error.json_path, rule_text(error))


@cache
def _accept(schema_name: str) -> Accept:
    return compile_schema(load_schema(schema_name))


def _as_python(schema: Any) -> Any:
    """Return a schema whose patterns mean in Python what they mean in ECMA-262."""
    if isinstance(schema, dict):
        return {
            key: ecma_pattern(child) if key == "pattern" and isinstance(child, str) else _as_python(child)
            for key, child in schema.items()
        }
    return [_as_python(child) for child in schema] if isinstance(schema, list) else schema
