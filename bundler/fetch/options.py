"""What every kind that fetches over HTTP can be told, and how it becomes a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.fetch.credentials import CREDENTIALS_SCHEMA, PROXY_CREDENTIALS_SCHEMA, UpstreamCredentials, UrlSecret
from bundler.sources.paths import existing_file
from manifests.errors import ConfigurationError
from manifests.limits import GIB

FETCH_KEYS: Mapping[str, Any] = {
    "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
    "total_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 604800},
    "max_bytes": {"type": "integer", "minimum": 1},
    "parallel": {"type": "integer", "minimum": 1, "maximum": 32},
    "ca": {"type": "string", "minLength": 1},
    "proxy": {"type": "string", "pattern": "^https?://[^\\s/?#@]+/?$"},
    "proxy_credentials": PROXY_CREDENTIALS_SCHEMA,
    "credentials": CREDENTIALS_SCHEMA,
    "user_agent_suffix": {"type": "string", "pattern": "^[ -~]{1,100}$"},
}
"""JSON Schema properties to merge into a kind's own."""

FETCH_OPTIONS: frozenset[str] = frozenset(FETCH_KEYS)
"""Their names: they say how to fetch, not what."""


@dataclass(frozen=True)
class FetchOptions:
    """How far we go for one file, and how we get there.

    Args:
        timeout_seconds: Longest silence, while connecting and between two reads.
        total_seconds: Longest time for one try at a file.
        max_bytes: Longest body.
        parallel: Most downloads at once.
        redirects: Most redirects followed.
        attempts: Most tries, the first included.
        ca: A PEM bundle to trust beside the usual authorities.
        proxy: The proxy for everything; from the environment when ``None``.
        proxy_credentials: What the proxy knows us by.
        credentials: What one upstream knows us by.
        url_secrets: Secrets that are part of URLs; no redirect carries one to another host.
        user_agent_suffix: Appended to what we call ourselves.
    """

    timeout_seconds: float = 30
    total_seconds: float = 3600
    max_bytes: int = 4 * GIB
    parallel: int = 4
    redirects: int = 5
    attempts: int = 3
    ca: Path | None = None
    proxy: str | None = None
    proxy_credentials: UpstreamCredentials | None = None
    credentials: UpstreamCredentials | None = None
    url_secrets: tuple[UrlSecret, ...] = ()
    user_agent_suffix: str = ""


def fetch_options(source: str, options: Mapping[str, Any]) -> FetchOptions:
    """Read a source's fetch keys, already checked by :data:`FETCH_KEYS`; its other keys are passed over.

    Raises:
        ConfigurationError: ``source.path`` when ``ca`` is relative or missing, ``source.credentials`` when
            credentials lack their secret's place, ``source.proxy`` when they have no proxy to go to.
    """
    plain = ("timeout_seconds", "total_seconds", "max_bytes", "parallel", "proxy", "user_agent_suffix")
    given = {key: options[key] for key in plain if key in options}
    for key in ("proxy_credentials", "credentials"):
        if key in options:
            given[key] = UpstreamCredentials.from_config(source, key, options[key])
    if "proxy_credentials" in given and "proxy" not in given:
        raise ConfigurationError(
            "source.proxy", f"Source {source!r}: proxy_credentials without proxy", todo='write proxy = "http://…" too'
        )
    if "ca" in options:
        given["ca"] = existing_file(source, options["ca"], need="a PEM bundle")
    return FetchOptions(**given)
