"""Say in words what a value breaks of its schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from manifests.text import count_text

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_SHOWN_CHARACTERS = 80
"""Of a value: what fits on one line of a terminal with the sentence around it."""

_TYPES: Mapping[str, str] = {
    "string": "text in quotes",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "null",
}

_RULES: Mapping[str, Callable[[Any], str]] = {
    "type": lambda rule: " or ".join(_TYPES[name] for name in ([rule] if isinstance(rule, str) else rule)),
    "enum": lambda rule: "one of " + ", ".join(map(value_text, rule)),
    "const": lambda rule: value_text(rule),
    "minimum": lambda rule: f"at least {rule:,}",
    "maximum": lambda rule: f"at most {rule:,}",
    "exclusiveMinimum": lambda rule: f"more than {rule:,}",
    "exclusiveMaximum": lambda rule: f"less than {rule:,}",
    "multipleOf": lambda rule: f"a multiple of {rule:,}",
    "minLength": lambda rule: "not empty" if rule == 1 else f"at least {count_text(rule, 'character')}",
    "maxLength": lambda rule: f"at most {count_text(rule, 'character')}",
    "minItems": lambda rule: f"at least {count_text(rule, 'entry', 'entries')}",
    "maxItems": lambda rule: f"at most {count_text(rule, 'entry', 'entries')}",
    "minProperties": lambda rule: f"at least {count_text(rule, 'key')}",
    "maxProperties": lambda rule: f"at most {count_text(rule, 'key')}",
    "uniqueItems": lambda _: "no entry twice",
}


def value_text(value: Any) -> str:
    """Return a decoded value as its file writes it, cut to a line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def rule_text(error: ValidationError) -> str:
    """Return as one clause what is there and what is allowed: ``5, instead of text in quotes``."""
    rule: Any = error.validator_value
    table: Any = error.instance
    if error.validator == "required":
        return f"the key {next(key for key in rule if key not in table)} is missing"
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        return f"there is no key {next((key for key in table if key not in known), '')}".rstrip()
    said = _RULES.get(str(error.validator))
    shown = value_text(table)
    return f"{shown} does not have the right form" if said is None else f"{shown}, instead of {said(rule)}"
