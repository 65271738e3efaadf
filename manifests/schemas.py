"""The JSON Schemas that ship in this package, compiled once."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from manifests.errors import MalformedError


@cache
def _validator(schema_name: str) -> Draft202012Validator:
    schema = json.loads(files("manifests").joinpath("data", f"{schema_name}.schema.json").read_text("utf-8"))
    return Draft202012Validator(schema)


def check(value: Any, schema_name: str, *, name: str) -> None:
    """Refuse a decoded document that its schema does not allow.

    Args:
        value: The decoded document.
        schema_name: File name below ``manifests/data`` without ``.schema.json``.
        name: What to call the document in errors.

    Raises:
        MalformedError: ``<schema_name>.schema``, with the place and the rule that it breaks.
    """
    error = best_match(_validator(schema_name).iter_errors(value))
    if error is not None:
        raise MalformedError(
            f"{schema_name}.schema",
            f"{name} breaks its schema at {error.json_path}: {error.message[:300]}",
            path=error.json_path,
        )
