"""Configuration files: TOML, checked by a JSON Schema, with errors that name file, key and nearest match.

Both programs read theirs through this; each ships its own schema beside its code.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.disk.durable import storage_errors
from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError
from manifests.limits import MIB
from manifests.schemas.accept import compile_schema
from manifests.schemas.words import rule_text, value_text
from manifests.text import decode_text

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


_USER = re.compile(r"//(?!\[\^)[^\s'\"]*@")
"""User and password in a URL: no URL of a configuration may have them, and no error shows those of one that does."""

_MAX_BYTES = 4 * MIB
"""Ceiling on a configuration file: ten thousand sources, each with a page of options."""


@cache
def load_configuration_schema(package: str, name: str) -> dict[str, Any]:
    """Return the JSON Schema ``<package>/data/<name>.schema.json``, read once."""
    value: dict[str, Any] = json.loads(files(package).joinpath("data", f"{name}.schema.json").read_text("utf-8"))
    return value


def read_configuration(path: Path, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Read a TOML file and check it.

    Args:
        path: The file.
        rules: Its JSON Schema (2020-12); ``additionalProperties: false`` wherever keys are fixed.

    Raises:
        ConfigurationError: ``config.missing``, ``config.syntax``, ``file.*``, or as :func:`check_configuration`.
        StorageError: The file cannot be read.
    """
    value = parse_configuration(path)
    check_configuration(value, rules, file=path)
    return value


def parse_configuration(path: Path) -> dict[str, Any]:
    """Read a TOML file, whatever it says.

    Raises:
        ConfigurationError: ``config.missing``, ``config.syntax``, ``file.*``.
        StorageError: The file cannot be read.
    """
    with storage_errors(path):
        if not path.exists():
            raise ConfigurationError("config.missing", f"There is no {path}")
    data = read_given_file(path, max_bytes=_MAX_BYTES, what="a TOML file", error=ConfigurationError).data
    try:
        return tomllib.loads(decode_text(data))
    except UnicodeDecodeError:
        raise ConfigurationError(
            "config.syntax", f"{path} is not UTF-8 text", todo="save it as UTF-8 in your editor"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError("config.syntax", f"{path} is not TOML: {error}") from None


def check_configuration(value: Any, rules: Mapping[str, Any], *, file: Path, at: str = "") -> None:
    """Refuse a decoded value that its schema does not allow.

    Args:
        value: The decoded file, or one table of it.
        rules: The JSON Schema.
        file: What to name in errors.
        at: Where ``value`` stands in the file, for example ``source[2]`` (counted from 1).

    Raises:
        ConfigurationError: ``config.unknown-key``, ``config.missing-key`` or ``config.value``.
    """
    for error in find_violations(value, rules, file=file, at=at):
        raise error


def find_violations(
    value: Any, rules: Mapping[str, Any], *, file: Path, at: str = ""
) -> tuple[ConfigurationError, ...]:
    """Return all that a schema does not allow in a decoded value, as :func:`check_configuration` would refuse each.

    The first is the one to begin with: a key that is unknown explains most that is missing.
    """
    if compile_schema(rules)(value):
        return ()
    from jsonschema import Draft202012Validator  # a tenth of a second that only a refusal costs
    from jsonschema.exceptions import best_match

    errors = list(Draft202012Validator(rules).iter_errors(value))
    best = best_match(errors)
    unknown = [error for error in errors if error.validator == "additionalProperties"]
    others = [error for error in map(best_match, ([error] for error in errors)) if error is not None]
    first = [] if best is None else [best]
    found = [refusal for error in (*unknown, *first, *others) for refusal in _refusals(error, file, at)]
    return tuple({str(refusal): refusal for refusal in found}.values())


def nearest_word(given: str, known: Iterable[str]) -> str | None:
    """Return the known word that a mistyped one most likely means, or None."""
    found = get_close_matches(given.lower(), sorted(known), n=1, cutoff=0.5)
    return found[0] if found else None


def _refusals(error: ValidationError, file: Path, at: str) -> Iterable[ConfigurationError]:
    """Turn the schema's verdict into our errors: one for each key that is unknown or missing."""
    place = _place(at, error.absolute_path)
    rule: Any = error.validator_value
    table: Any = error.instance
    if error.validator == "additionalProperties":
        known: list[str] = list(error.schema.get("properties", {}))  # type: ignore[union-attr]
        return [_unknown_key(given, known, file, place) for given in table if given not in known]
    if error.validator == "required":
        return [_missing_key(key, file, place) for key in rule if key not in table]
    return [_wrong_value(error, file, place)]


def _missing_key(missing: str, file: Path, place: str) -> ConfigurationError:
    key = f"{place}.{missing}" if place else missing
    return ConfigurationError("config.missing-key", f"{file}: the key {key} is missing", todo="add it", key=key)


def _wrong_value(error: ValidationError, file: Path, place: str) -> ConfigurationError:
    rule: Any = error.validator_value
    if error.validator == "enum":
        allowed = [str(choice) for choice in rule]
        match = nearest_word(str(error.instance), allowed)
        hint = f"change it to {match!r}" if match else None
        need = "one of " + ", ".join(allowed)
        return ConfigurationError(
            "config.value", f"{file}: {place} is {value_text(error.instance)}", need=need, todo=hint, key=place
        )
    said = _USER.sub("//***@", rule_text(error))[:300]
    return ConfigurationError("config.value", f"{file}: {place or 'the file'}: {said}", key=place)


def _unknown_key(given: str, known: list[str], file: Path, place: str) -> ConfigurationError:
    key = f"{place}.{given}" if place else given
    match = nearest_word(given, known)
    return ConfigurationError(
        "config.unknown-key",
        f"{file}: there is no key {key}",
        need="one of " + ", ".join(known),
        todo=f"did you mean {match!r}?" if match else None,
        key=key,
        nearest=match,
    )


def _place(at: str, path: Iterable[str | int]) -> str:
    """Write a place as people count: ``source[1].urls[2]``."""
    text = at
    for step in path:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            text += f".{step}" if text else step
    return text
