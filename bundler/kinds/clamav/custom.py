"""Databases of ClamAV without a signature: what they are called, and how much is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bundler.fetch.fetcher import FetchedFile, WantedFile
from bundler.fetch.urls import FILE_NAME_SCHEMA, FILE_URL_SCHEMA, file_name_of, shown_url
from bundler.rules.clamav import UNSIGNED, count_signatures, suffix_of
from bundler.sources.base import Workbench
from bundler.sources.checksums import HEX_DIGITS, Checksum
from bundler.sources.emptiness import empty_error
from bundler.sources.paths import require_target_path
from manifests.errors import ConfigurationError, MalformedError
from manifests.manifest import TargetFacts
from manifests.names import check_path_set

CUSTOM_SCHEMA: Mapping[str, Any] = {
    "type": "array",
    "uniqueItems": True,
    "items": {
        "if": {"type": "object"},
        "then": {
            "additionalProperties": False,
            "required": ["url"],
            "properties": {
                "url": FILE_URL_SCHEMA,
                "path": {"type": "string", "minLength": 1},
                "sha256": {"type": "string", "pattern": f"^[0-9A-Fa-f]{{{HEX_DIGITS['sha256']}}}$"},
            },
        },
        "else": {"anyOf": [FILE_URL_SCHEMA, FILE_NAME_SCHEMA]},
    },
}
"""What may stand in ``custom``."""

_LABEL = "custom database"
_USUAL = ".ndb"
"""The form of what services give whose URLs name a script: their lists are extended signatures."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def read_custom(source: str, entries: Iterable[str | Mapping[str, str]]) -> tuple[WantedFile, ...]:
    """Return the custom databases of a source, sorted by path.

    Raises:
        ConfigurationError: ``source.url`` for what is no name of a database, or two of one name.
    """
    files = tuple(sorted((_wanted(source, entry) for entry in entries), key=lambda file: file.path))
    try:
        check_path_set(file.path for file in files)
    except MalformedError as error:
        todo = 'give one of them another name: { url = "…", path = "….ndb" }'
        raise ConfigurationError("source.url", f"Source {source!r}: {error.what}", todo=todo) from error
    return files


def is_local(file: WantedFile) -> bool:
    """Tell whether a custom database is a file of the source's directory, not of a server."""
    return file.url == file.path


def _wanted(source: str, entry: str | Mapping[str, str]) -> WantedFile:
    table = {"url": entry} if isinstance(entry, str) else entry
    url = table["url"]
    path = table.get("path") or (_name_of(url) if "://" in url else url)
    if suffix_of(path) not in UNSIGNED:
        raise ConfigurationError(
            "source.url",
            f"Source {source!r}: {path!r} is not a custom database of ClamAV",
            need="a name that ends in .ndb, .hdb, .yar or another suffix that ClamAV knows",
            todo='write { url = "…", path = "name.ndb" }; a signed .cvd belongs into databases',
        )
    require_target_path(source, path, what=shown_url(url), code="source.url", error=ConfigurationError)
    check = Checksum("sha256", table["sha256"].lower()) if "sha256" in table else None
    return WantedFile(url, path, check=check)


def _name_of(url: str) -> str:
    """Return what a URL calls its database: by its last part, another part of its path, or a value in its query.

    Where nothing in it is the name of a database, what it names is a script, and the usual suffix is added.
    """
    last = file_name_of(url)
    parts = urlsplit(url)
    elsewhere = [unquote(part, errors="replace") for part in reversed(parts.path.split("/")[:-1])]
    elsewhere += [value.rpartition("/")[2] for _, value in parse_qsl(parts.query)]
    for name in (last, *elsewhere):
        if suffix_of(name) in UNSIGNED and "/" not in name:
            return name
    return last + _USUAL if _PLAIN_NAME.fullmatch(last) else last


def describe_custom(source: str, bench: Workbench, files: Sequence[FetchedFile]) -> tuple[TargetFacts, ...]:
    """Return what is known of custom databases: how many signatures are in them.

    Raises:
        EmptyError: ``source.empty`` for one with none, unless the source allows that.
    """
    known = {item.path: item for item in bench.previous.items} if bench.previous else {}
    return tuple(
        known[file.path] if file.unchanged and file.path in known else _describe(source, bench, file) for file in files
    )


def _describe(source: str, bench: Workbench, file: FetchedFile) -> TargetFacts:
    with bench.open(file.blob) as stream:
        count = count_signatures(file.path, stream)
    if count == 0 and not bench.allow_empty:
        with bench.open(file.blob) as stream:
            beginning = stream.read(60)
        have = repr(beginning.decode("utf-8", "replace")) if beginning else "an empty file"
        suffix = PurePosixPath(file.path).suffix
        hint = f"if it is of another form than {suffix}, name it with path; else ask whether the subscription has ended"
        raise empty_error(source, file.path, "signature", have=have, hint=hint)
    return TargetFacts(file.path, _LABEL, () if count is None else (("signatures", count),))
