"""What a subscriber fills into a rule set's URL: read from where it is kept, shown to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from bundler.fetch.credentials import URL_SECRET_SCHEMA, UrlSecret
from manifests.errors import FetchError

PARAMETERS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": URL_SECRET_SCHEMA},
}
"""What may stand in ``parameters = {…}``: rule set, parameter, place of its value and the host that gets it."""


@dataclass(frozen=True)
class Parameters:
    """Where the values of parameters are and who may get them, by rule set and parameter."""

    places: Mapping[str, Mapping[str, UrlSecret]]

    @classmethod
    def from_config(cls, source: str, table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Self:
        """Read where the values are from a table that fits its schema.

        Raises:
            ConfigurationError: ``source.parameters`` without one place; ``source.path`` for a relative file.
        """
        return cls(
            {
                rules: {parameter: UrlSecret.from_config(source, rules, where) for parameter, where in given.items()}
                for rules, given in table.items()
            }
        )

    @property
    def url_secrets(self) -> tuple[UrlSecret, ...]:
        """All of them, for whoever follows redirects."""
        return tuple(secret for given in self.places.values() for secret in given.values())

    def of(self, rules: str) -> Mapping[str, str]:
        """Read the values for one rule set, fit for a URL.

        Raises:
            ConfigurationError: ``source.credentials`` when one is not there; ``source.credentials-mode``.
        """
        return {parameter: secret.value() for parameter, secret in self.places.get(rules, {}).items()}

    def require_hosts(self, rules: str, url: str) -> None:
        """Refuse a URL that has a value in it and leads to another host than the one that may get it.

        The URL is the index's, which is not signed: whoever writes it could ask for any subscriber's secret.

        Args:
            rules: The rule set.
            url: Where it is, all values filled in.

        Raises:
            FetchError: ``suricata.parameter-host``.
        """
        for parameter, secret in self.places.get(rules, {}).items():
            if secret.stands_in(url) and not secret.may_go_to(url):
                parts = urlsplit(url)
                raise FetchError(
                    "suricata.parameter-host",
                    f"The url of {rules!r} in the index would send {parameter!r} to another host, or unencrypted",
                    have=f"{parts.scheme}://{parts.netloc}"[:200],
                    need=f"{'http or https' if secret.plain_http else 'https'}://{secret.authority}",
                    todo="do not go on if the vendor did not announce this; else correct host of the parameter",
                )

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
