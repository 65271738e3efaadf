"""User, password and token for an upstream or a proxy: where they are, read when they are needed, never shown."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args
from urllib.parse import quote, unquote, urlsplit

from bundler.fetch.urls import host_and_port_of, is_sound
from bundler.sources.paths import absolute_path
from manifests.disk.secret_file import read_secret
from manifests.errors import ConfigurationError
from manifests.text import cause_text

SecretPlace = Literal["env", "file", "keyring"]
_PLACES: tuple[SecretPlace, ...] = get_args(SecretPlace)
_TEXT = {"type": "string", "minLength": 1}
_HOST = {"type": "string", "pattern": "^[^\\s/@?#]+$"}
_SECRETS = {f"{what}_{place}": _TEXT for what in ("password", "token") for place in _PLACES}

CREDENTIALS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["host"],
    "properties": {
        "host": _HOST,
        "user": {"type": "string", "pattern": "^[^:\\x00-\\x1f]+$"},
        "header": {"type": "string", "pattern": "^[A-Za-z0-9-]+$"},
        "plain_http": {"type": "boolean"},
        **_SECRETS,
    },
}
"""What may stand in ``credentials = {…}`` of a source."""

PROXY_CREDENTIALS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["user"],
    "properties": {
        "user": CREDENTIALS_SCHEMA["properties"]["user"],
        **{key: _TEXT for key in _SECRETS if key.startswith("password")},
    },
}
"""What may stand in ``proxy_credentials = {…}``."""


URL_SECRET_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["host"],
    "properties": {"host": _HOST, "plain_http": {"type": "boolean"}, **dict.fromkeys(_PLACES, _TEXT)},
}
"""What may stand where a secret becomes part of a URL."""


@dataclass(frozen=True)
class Secret:
    """Where a secret is, not the secret: a variable's name, a file's path or a service in the keyring."""

    source: str
    place: SecretPlace
    name: str

    def read(self, user: str, environment: Mapping[str, str] = os.environ) -> str:
        """Return the secret.

        Args:
            user: Whose it is, for the keyring.
            environment: The variables.

        Raises:
            ConfigurationError: ``source.credentials`` when it is not there or cannot be sent,
                ``source.credentials-mode`` when others may read the file.
            StorageError: The file cannot be read.
        """
        if self.place == "env":
            text = environment.get(self.name)
        elif self.place == "file":
            text = read_secret(Path(self.name), code="source.credentials-mode", said=str(self))
        else:
            text = self._keyring(user)
        if not text:
            raise self._missing()
        if not text.isprintable():
            raise ConfigurationError("source.credentials", f"{self}: it has a character that cannot be sent")
        return text

    def __str__(self) -> str:
        where = {"env": "the variable", "file": "the file", "keyring": "the keyring's service"}[self.place]
        return f"Source {self.source!r}: the secret in {where} {self.name}"

    def _missing(self) -> ConfigurationError:
        todo = {
            "env": f"set {self.name} where bundle runs",
            "file": f"write the secret into {self.name}, readable by its owner only",
            "keyring": f"keyring set {self.name} USER",
        }[self.place]
        return ConfigurationError("source.credentials", f"{self} is missing or empty", todo=todo)

    def _keyring(self, user: str) -> str | None:
        try:  # imported here: a tenth of a second that only its users pay
            import keyring
            from keyring.errors import KeyringError
        except RuntimeError as error:  # whoever runs this has no home directory
            raise self._unreadable(error) from error
        try:
            return keyring.get_password(self.name, user)
        except (KeyringError, RuntimeError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            "source.credentials",
            f"{self} cannot be read: {cause_text(error)}",
            todo="unlock the keyring, or give the secret in a file",
        )


@dataclass(frozen=True)
class UpstreamCredentials:
    """What an upstream or a proxy knows us by.

    Args:
        secret: Where the password or token is.
        user: With a password: whose. Without: a token.
        authority: ``host:port`` that alone gets it; empty for a proxy.
        header: The header that carries it.
        plain_http: Send it over unencrypted HTTP too.
    """

    secret: Secret
    user: str | None
    authority: str = ""
    header: str = "Authorization"
    plain_http: bool = False

    @classmethod
    def from_config(cls, source: str, key: str, table: Mapping[str, Any]) -> Self:
        """Read credentials from a table that fits its schema.

        Raises:
            ConfigurationError: ``source.credentials``.
        """
        given = [name for name in _SECRETS if name in table]
        if len(given) != 1:
            raise ConfigurationError(
                "source.credentials",
                f"Source {source!r}: {key} needs one place where its secret is",
                have=", ".join(given) or "none",
                need=f"one of {', '.join(_SECRETS)}",
            )
        what = given[0].partition("_")[0]
        place = next(place for place in _PLACES if given[0].endswith(place))
        if (what == "password") != ("user" in table):
            raise ConfigurationError("source.credentials", f"Source {source!r}: {key}: user and password go together")
        name = str(table[given[0]])
        if place == "file":
            absolute_path(source, name)
        plain = table.get("plain_http", False)
        host = str(table.get("host", ""))
        return cls(
            secret=Secret(source, place, name),
            user=table.get("user"),
            authority=_with_port(host, 80 if plain else 443) if host else "",
            header=table.get("header", "Authorization"),
            plain_http=plain,
        )

    def value(self) -> str:
        """Read the secret and return the header's value.

        Raises:
            ConfigurationError: As :meth:`Secret.read`.
        """
        secret = self.secret.read(self.user or "token")
        if self.user is not None:
            return basic_authorization(self.user, secret)
        if not secret.isascii():
            raise ConfigurationError("source.credentials", f"{self.secret}: a token is ASCII text")
        return f"Bearer {secret}" if self.header == "Authorization" else secret


@dataclass(frozen=True)
class UrlSecret:
    """A secret that is part of a URL: bound to a host and to https as credentials are.

    Args:
        secret: Where it is.
        user: Whose it is, for the keyring.
        authority: ``host:port`` that alone gets it.
        plain_http: Send it over unencrypted HTTP too.
    """

    secret: Secret
    user: str
    authority: str
    plain_http: bool = False

    @classmethod
    def from_config(cls, source: str, user: str, table: Mapping[str, Any]) -> Self:
        """Read it from a table that fits :data:`URL_SECRET_SCHEMA`.

        Raises:
            ConfigurationError: ``source.parameters`` without one place; ``source.path`` for a relative file.
        """
        given = [place for place in _PLACES if place in table]
        if len(given) != 1:
            raise ConfigurationError(
                "source.parameters",
                f"Source {source!r}: a parameter of {user!r} needs one place where its secret is",
                have=", ".join(given) or "none",
                need=f"one of {', '.join(_PLACES)}",
            )
        name, plain = str(table[given[0]]), bool(table.get("plain_http", False))
        if given[0] == "file":
            absolute_path(source, name)
        return cls(Secret(source, given[0], name), user, _with_port(str(table["host"]), 80 if plain else 443), plain)

    def value(self) -> str:
        """Read the secret and return it fit for a URL.

        Raises:
            ConfigurationError: As :meth:`Secret.read`.
        """
        return quote(self.secret.read(self.user), safe="")

    def may_go_to(self, url: str) -> bool:
        """Tell whether a URL leads to the host that alone gets it, and encrypted unless that was waived."""
        return is_sound(url) and host_and_port_of(url) == self.authority and self._is_safe(url)

    def stands_in(self, url: str) -> bool:
        """Tell whether it is part of a URL, however that writes it."""
        value = self.value()
        return value in url or unquote(value) in unquote(url)

    def _is_safe(self, url: str) -> bool:
        return self.plain_http or urlsplit(url).scheme == "https"


def basic_authorization(user: str, password: str) -> str:
    """Return the value of a header that gives user and password, in UTF-8 (RFC 7617 section 2.1)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode()


def _with_port(host: str, port: int) -> str:
    return host.lower() if host.rpartition(":")[2].isdigit() and not host.endswith("]") else f"{host.lower()}:{port}"
