"""The files of an ``http`` source: what each is called, what it is checked by, and where its sidecars are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bundler.fetch.urls import file_name_of, is_sound, shown_url
from bundler.sources.checksums import ALGORITHMS, HEX_DIGITS, Algorithm, Checksum
from bundler.sources.paths import require_target_path
from manifests.errors import ConfigurationError, MalformedError
from manifests.names import check_path_set

URL_SCHEMA: Mapping[str, Any] = {"type": "string", "pattern": "^https?://[^\\s/?#@]+(/[^\\s#]*)?$"}
_PINNED = {name: {"type": "string", "pattern": f"^[0-9A-Fa-f]{{{HEX_DIGITS[name]}}}$"} for name in ALGORITHMS}
URLS_SCHEMA: Mapping[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "if": {"type": "object"},
        "then": {
            "additionalProperties": False,
            "required": ["url"],
            "properties": {
                "url": URL_SCHEMA,
                "path": {"type": "string", "minLength": 1},
                "signature_url": URL_SCHEMA,
                **_PINNED,
                **{f"{name}_url": URL_SCHEMA for name in ALGORITHMS},
            },
        },
        "else": URL_SCHEMA,
    },
}
"""What may stand in ``urls``."""


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch. At most one of ``checksum`` and ``checksum_url`` is set."""

    url: str
    path: str
    checksum: Checksum | None = None
    checksum_url: tuple[Algorithm, str] | None = None
    signature_url: str | None = None


@dataclass(frozen=True)
class FoundFiles:
    """What an upstream has now. ``version`` is its own word for it, where it has one."""

    files: tuple[RemoteFile, ...]
    version: str | None = None


def read_url_list(source: str, entries: Iterable[str | Mapping[str, str]]) -> tuple[RemoteFile, ...]:
    """Return the files of a list of URLs, sorted by path.

    Raises:
        ConfigurationError: ``source.url`` when a URL gives no file name or two give the same,
            ``source.checksum`` when a file has more than one.
    """
    files = tuple(sorted((_remote(source, entry) for entry in entries), key=lambda file: file.path))
    try:
        check_path_set(file.path for file in files)
    except MalformedError as error:
        raise ConfigurationError(
            "source.url", f"Source {source!r}: {error.what}", todo="give one of them another path"
        ) from error
    return files


def require_url_path(source: str, url: str, path: str) -> str:
    """Return a path that can be carried.

    Raises:
        ConfigurationError: ``source.url``.
    """
    return require_target_path(
        source,
        path,
        what=shown_url(url),
        code="source.url",
        todo='write {url = "…", path = "…"}',
        error=ConfigurationError,
    )


def require_sound_url(source: str, url: str) -> str:
    """Return a URL that can be fetched.

    Raises:
        ConfigurationError: ``source.url``.
    """
    if not is_sound(url):
        raise ConfigurationError("source.url", f"Source {source!r}: {shown_url(url)!r} is not a valid URL")
    return url


def _remote(source: str, entry: str | Mapping[str, str]) -> RemoteFile:
    table = {"url": entry} if isinstance(entry, str) else entry
    url = require_sound_url(source, table["url"])
    path = require_url_path(source, url, table.get("path") or file_name_of(url))
    given = [key for key in (*ALGORITHMS, *(f"{algorithm}_url" for algorithm in ALGORITHMS)) if key in table]
    if len(given) > 1:
        raise ConfigurationError(
            "source.checksum", f"Source {source!r}: {shown_url(url)} has more than one checksum", have=", ".join(given)
        )
    pinned, published = None, None
    for algorithm in ALGORITHMS:
        if algorithm in table:
            pinned = Checksum(algorithm, table[algorithm].lower())
        if f"{algorithm}_url" in table:
            published = (algorithm, require_sound_url(source, table[f"{algorithm}_url"]))
    signature_url = require_sound_url(source, table["signature_url"]) if "signature_url" in table else None
    return RemoteFile(url, path, pinned, published, signature_url)
