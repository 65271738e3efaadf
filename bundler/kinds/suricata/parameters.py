"""What a subscriber fills into a rule set's URL: read from where it is kept, shown to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, get_args
from urllib.parse import quote, unquote

from bundler.fetch.credentials import Secret, SecretPlace
from bundler.sources.paths import absolute_path
from manifests.errors import FetchError

PARAMETERS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {place: {"type": "string", "minLength": 1} for place in get_args(SecretPlace)},
        },
    },
}
"""What may stand in ``parameters = {…}``: rule set, parameter, place of its value."""


@dataclass(frozen=True)
class Parameters:
    """Where the values of parameters are, by rule set and parameter."""

    places: Mapping[str, Mapping[str, Secret]]

    @classmethod
    def from_config(cls, source: str, table: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Self:
        """Read where the values are from a table that fits its schema.

        Raises:
            ConfigurationError: ``source.path`` for a relative file.
        """
        places: dict[str, dict[str, Secret]] = {}
        for rules, given in table.items():
            for parameter, where in given.items():
                ((place, name),) = where.items()
                if place == "file":
                    absolute_path(source, name)
                known = next(one for one in get_args(SecretPlace) if one == place)
                places.setdefault(rules, {})[parameter] = Secret(source, known, name)
        return cls(places)

    def of(self, rules: str) -> Mapping[str, str]:
        """Read the values for one rule set, fit for a URL.

        Raises:
            ConfigurationError: ``source.credentials`` when one is not there; ``source.credentials-mode``.
        """
        return {
            parameter: quote(secret.read(rules), safe="") for parameter, secret in self.places.get(rules, {}).items()
        }

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the values out of errors about URLs that they are part of."""
        try:
            yield
        except FetchError as error:
            values = [value for rules in self.places for value in self.of(rules).values()]
            raise _without(error, [*values, *map(unquote, values)]) from None  # a redirect may write them otherwise


def _without(error: FetchError, values: list[str]) -> FetchError:
    def clean(text: str | None) -> str | None:
        for value in sorted(values, key=len, reverse=True):
            text = text.replace(value, "***") if text is not None else None
        return text

    details = {key: clean(value) if isinstance(value, str) else value for key, value in error.details.items()}
    return error.reworded(
        **details, what=clean(error.what), have=clean(error.have), need=clean(error.need), todo=clean(error.todo)
    )
