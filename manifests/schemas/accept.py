"""JSON Schemas compiled to a plain yes or no.

The library ``jsonschema`` explains what is wrong, and takes four seconds to find nothing wrong with ten
thousand targets. The same schema compiled to closures says yes in a fiftieth of that, without importing
the library; only a no is handed to it, for the reason. The schema stays the one authority: nothing here
knows any document, and a keyword that is not known here cannot be compiled.

Source: JSON Schema 2020-12, the keywords of its validation vocabulary that our schemas use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Accept = Callable[[Any], bool]
Schema = Mapping[str, Any]

_ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "default", "examples"})

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
    "null": (type(None),),
}
"""The exact Python types of decoded JSON; ``bool`` is no number."""


def compile_schema(schema: Schema) -> Accept:
    """Compile a schema that does not refer to itself.

    Args:
        schema: A schema whose ``$ref`` point to its own ``$defs``.

    Raises:
        NotImplementedError: The schema uses a keyword that is not known here.
    """
    return _Compiler(schema).node(schema)


def ecma_pattern(pattern: str) -> str:
    """Return a pattern as Python's ``re`` has to read it: in ECMA-262 a final ``$`` never matches before a newline.

    Source: JSON Schema Core 2020-12, 6.4.
    """
    return pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern


class _Compiler:
    """Compiles the nodes of one schema; every definition once."""

    def __init__(self, root: Schema) -> None:
        self._definitions: Schema = root.get("$defs", {})
        self._compiled: dict[str, Accept] = {}

    def node(self, schema: Any) -> Accept:
        """Compile a schema or a part of one."""
        if isinstance(schema, bool):
            return _always if schema else _never
        for_any: list[Accept] = []
        for_kind: dict[str, list[Accept]] = {}
        for keyword, argument in schema.items():
            if keyword in _LEAVES:
                kind, compiler = _LEAVES[keyword]
                for_kind.setdefault(kind, []).append(compiler(argument))
            elif keyword in _COMBINERS:
                for_any.append(_COMBINERS[keyword](self, argument, schema))
            elif keyword in _CONTAINERS:
                kind, container = _CONTAINERS[keyword]
                for_kind.setdefault(kind, []).append(container(self, argument, schema))
            elif keyword not in _ANNOTATIONS and keyword not in {"type", "then", "else"}:
                raise NotImplementedError(f"JSON Schema keyword {keyword!r}")
        return _by_type(schema.get("type"), for_kind, for_any)

    def definition(self, reference: str) -> Accept:
        """Compile what ``#/$defs/<name>`` points to."""
        name = reference.removeprefix("#/$defs/")
        if name not in self._compiled:
            self._compiled[name] = self.node(self._definitions[name])
        return self._compiled[name]


def _always(_: Any) -> bool:
    return True


def _never(_: Any) -> bool:
    return False


def _all(checks: Iterable[Accept]) -> Accept:
    given = [check for check in checks if check is not _always]
    if not given:
        return _always
    if len(given) == 1:
        return given[0]
    first, others = given[0], _all(given[1:])
    return lambda value: first(value) and others(value)


def _by_type(wanted: Any, for_kind: dict[str, list[Accept]], for_any: list[Accept]) -> Accept:
    """Join the checks of one node; with a type only those for that type remain, and need no guard."""
    if wanted == "integer":
        rest = _all([*for_kind.get("number", []), *for_any])
        return lambda value: (type(value) is int or (type(value) is float and value.is_integer())) and rest(value)
    if wanted is not None:
        if not isinstance(wanted, str):
            raise NotImplementedError("JSON Schema type with several names")
        kinds = _KINDS[wanted]
        rest = _all([*for_kind.get(wanted, []), *for_any])
        return lambda value: type(value) in kinds and rest(value)
    guarded = [_guard(_KINDS[kind], _all(checks)) for kind, checks in for_kind.items()]
    return _all([*guarded, *for_any])


def _guard(kinds: tuple[type, ...], check: Accept) -> Accept:
    return lambda value: type(value) not in kinds or check(value)


def _enum(argument: list[Any]) -> Accept:
    if not all(isinstance(member, str) for member in argument):
        raise NotImplementedError("JSON Schema enum or const of anything but strings")
    members = frozenset(argument)
    return lambda value: type(value) is str and value in members


def _pattern(argument: str) -> Accept:
    search = re.compile(ecma_pattern(argument)).search
    return lambda value: search(value) is not None


def _required(argument: list[str]) -> Accept:
    names = frozenset(argument)
    return lambda value: value.keys() >= names


def _at_least(limit: int) -> Accept:
    return lambda value: len(value) >= limit


def _at_most(limit: int) -> Accept:
    return lambda value: len(value) <= limit


def _unique(argument: bool) -> Accept:
    if not argument:
        return _always
    return lambda value: len({json.dumps(item, sort_keys=True) for item in value}) == len(value)


def _properties(compiler: _Compiler, argument: Schema, schema: Schema) -> Accept:
    known = {name: compiler.node(child) for name, child in argument.items()}
    others = compiler.node(schema.get("additionalProperties", True))

    return lambda value: all(known.get(name, others)(child) for name, child in value.items())


def _additional(compiler: _Compiler, _: Any, schema: Schema) -> Accept:
    return _always if "properties" in schema else _properties(compiler, {}, schema)


def _each(compiler: _Compiler, argument: Any, _: Schema) -> Accept:
    """Accept when every item of an array, or every name of an object, is accepted."""
    inner = compiler.node(argument)
    return lambda value: all(map(inner, value))


def _any_of(compiler: _Compiler, argument: list[Any], _: Schema) -> Accept:
    choices = [compiler.node(choice) for choice in argument]
    return lambda value: any(choice(value) for choice in choices)


def _one_of(compiler: _Compiler, argument: list[Any], _: Schema) -> Accept:
    choices = [compiler.node(choice) for choice in argument]
    return lambda value: sum(choice(value) for choice in choices) == 1


def _not(compiler: _Compiler, argument: Any, _: Schema) -> Accept:
    inner = compiler.node(argument)
    return lambda value: not inner(value)


def _if(compiler: _Compiler, argument: Any, schema: Schema) -> Accept:
    condition = compiler.node(argument)
    then, otherwise = compiler.node(schema.get("then", True)), compiler.node(schema.get("else", True))
    return lambda value: then(value) if condition(value) else otherwise(value)


_LEAVES: Mapping[str, tuple[str, Callable[[Any], Accept]]] = {
    "pattern": ("string", _pattern),
    "minLength": ("string", _at_least),
    "maxLength": ("string", _at_most),
    "minimum": ("number", lambda limit: lambda value: value >= limit),
    "maximum": ("number", lambda limit: lambda value: value <= limit),
    "exclusiveMinimum": ("number", lambda limit: lambda value: value > limit),
    "exclusiveMaximum": ("number", lambda limit: lambda value: value < limit),
    "minItems": ("array", _at_least),
    "maxItems": ("array", _at_most),
    "uniqueItems": ("array", _unique),
    "minProperties": ("object", _at_least),
    "maxProperties": ("object", _at_most),
    "required": ("object", _required),
}
_CONTAINERS: Mapping[str, tuple[str, Callable[[_Compiler, Any, Schema], Accept]]] = {
    "items": ("array", _each),
    "propertyNames": ("object", _each),
    "properties": ("object", _properties),
    "additionalProperties": ("object", _additional),
}
_COMBINERS: Mapping[str, Callable[[_Compiler, Any, Schema], Accept]] = {
    "$ref": lambda compiler, argument, _: compiler.definition(argument),
    "enum": lambda _, argument, __: _enum(argument),
    "const": lambda _, argument, __: _enum([argument]),
    "anyOf": _any_of,
    "allOf": lambda compiler, argument, _: _all([compiler.node(part) for part in argument]),
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
}
