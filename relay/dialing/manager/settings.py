"""``[manager]`` of ``relay.toml`` as types. Nothing but ``relay deliver-rules`` reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from manifests.disk.secret_file import read_secret
from manifests.dsm import SOAP_PATH, Account
from manifests.errors import ConfigurationError
from manifests.limits import MIB
from manifests.schemas import configuration
from relay.config import config_schema
from relay.home import Home


@dataclass(frozen=True)
class ManagerCredentials:
    """Who signs in, and where the password is: a variable's name or an absolute file."""

    user: str
    variable: str | None = None
    file: Path | None = None

    def account(self, environment: Mapping[str, str] = os.environ) -> Account:
        """Return who signs in, with the password read from where it is.

        Raises:
            ConfigurationError: ``manager.credentials`` when there is none, ``manager.credentials-mode`` when others
                may read its file.
            StorageError: The file cannot be read.
        """
        where = f"the variable {self.variable}" if self.file is None else str(self.file)
        if self.file is None:
            text = environment.get(self.variable or "")
        else:
            text = read_secret(self.file, code="manager.credentials-mode", said=str(self.file))
        if not text or not text.isprintable():
            raise ConfigurationError(
                "manager.credentials",
                f"The manager's password is missing in {where}, or cannot be sent",
                todo="write it there, on one line",
            )
        return Account(self.user, text)


@dataclass(frozen=True)
class ManagerSettings:
    """Where the manager is, how we know it, and what it gets.

    Args:
        host: A private address, or a name that stands for private addresses alone.
        port: Where it listens.
        path: Of its SOAP endpoint.
        sources: Whose targets are rule packs for it.
        credentials: Who signs in.
        ca: A PEM bundle of the authorities that may vouch for it; or
        fingerprint: SHA-256 of its certificate, 64 lower-case hex digits.
        timeout_seconds: Longest silence; a manager checks a pack before it answers.
        total_seconds: Longest time for one answer.
        max_bytes: Largest pack.
    """

    host: str
    port: int
    path: str
    sources: tuple[str, ...]
    credentials: ManagerCredentials
    ca: Path | None = None
    fingerprint: str | None = None
    timeout_seconds: float = 300
    total_seconds: float = 1800
    max_bytes: int = 96 * MIB

    @property
    def shown(self) -> str:
        """The manager's address for people and for the audit log."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def load_manager_settings(home: Home) -> ManagerSettings:
    """Read how a relay reaches its manager: ``[manager]`` of ``relay.toml``.

    Raises:
        ConfigurationError: ``manager.off`` when there is no such table, ``manager.url``, ``.trust``, ``.ca`` or
            ``.credentials``, or ``config.*``.
    """
    table = configuration.read_configuration(home.config_file, config_schema()).get("manager")
    if table is None:
        raise ConfigurationError(
            "manager.off",
            f"{home.config_file} has no [manager]: nothing is delivered to one",
            todo="add [manager] with url, sources, credentials, and ca or fingerprint",
        )
    return manager_settings_from(table, home)


def manager_settings_from(table: Mapping[str, Any], home: Home) -> ManagerSettings:
    """Build the settings from a table that fits the schema. Relative paths are relative to the home.

    Raises:
        ConfigurationError: As :func:`load_manager_settings`.
    """
    host, port, path = _endpoint(table["url"])
    ca = None if "ca" not in table else home.path / table["ca"]
    if (ca is None) == ("fingerprint" not in table):
        raise ConfigurationError(
            "manager.trust", "relay.toml: [manager] needs one thing to know the manager by", need="ca or fingerprint"
        )
    if ca is not None and not ca.is_file():
        raise ConfigurationError("manager.ca", f"relay.toml: manager.ca: there is no file {ca}", need="a PEM bundle")
    return ManagerSettings(
        host=host,
        port=port,
        path=path,
        sources=tuple(table["sources"]),
        credentials=_credentials(table["credentials"], home),
        ca=ca,
        fingerprint=table["fingerprint"].replace(":", "").lower() if "fingerprint" in table else None,
        timeout_seconds=float(table.get("timeout_seconds", ManagerSettings.timeout_seconds)),
        total_seconds=float(table.get("total_seconds", ManagerSettings.total_seconds)),
        max_bytes=int(table.get("max_mib", ManagerSettings.max_bytes // MIB)) * MIB,
    )


def _endpoint(url: str) -> tuple[str, int, str]:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host = None
    if not host:
        raise ConfigurationError(
            "manager.url", f"relay.toml: manager.url: {url!r} names no host and port", need="https://HOST:4119"
        )
    return host, port, parts.path.rstrip("/") or SOAP_PATH


def _credentials(table: Mapping[str, Any], home: Home) -> ManagerCredentials:
    if ("password_env" in table) == ("password_file" in table):
        raise ConfigurationError(
            "manager.credentials",
            "relay.toml: manager.credentials needs one place where the password is",
            need="password_file or password_env",
        )
    file = home.path / table["password_file"] if "password_file" in table else None
    return ManagerCredentials(table["user"], table.get("password_env"), file)
