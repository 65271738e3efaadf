"""Source ``clamav``: a private mirror that freshclam accepts, and custom databases beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

from bundler.fetch.fetcher import FetchedFile, Fetcher, WantedFile
from bundler.fetch.options import FETCH_KEYS, FETCH_OPTIONS, FetchOptions, fetch_options
from bundler.fetch.urls import BASE_URL_SCHEMA, FILE_URL_SCHEMA, file_name_of, shown_url
from bundler.kinds.clamav import sigtool as clamav_sigtool
from bundler.kinds.clamav.database import Database, Mirror
from bundler.sources.base import NOT_VERIFIED, CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench, state_of
from bundler.sources.paths import require_target_path
from manifests import clock
from manifests.errors import ConfigurationError, MalformedError
from manifests.manifest import TargetFacts
from manifests.names import check_path_set

DATABASES = ("main", "daily", "bytecode")
_CUSTOM = re.compile(
    r"\.(?:cat|cbc|cdb|cfg|crb|cud|fp|ftm|gdb|[hmn]d[bu]|[hm]s[bu]|idb|ign2?|imp|info|ld[bu]|pdb|pwdb|sfp|wdb|yara?)",
    re.IGNORECASE,
)
"""Suffixes of the databases that ClamAV loads, apart from the signed ones."""


@dataclass(frozen=True)
class ClamavSource:
    """Carry a mirror of ClamAV's databases.

    Args:
        url: Where the databases are, without a final slash.
        databases: Their names, sorted.
        custom: Databases that are fetched as they are, sorted by path.
        cdiffs: Carry at most so many increments of each database.
        require_signature: Refuse to pull where ``sigtool`` is not installed.
        options: How to fetch.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = FETCH_OPTIONS | {"url", "require_signature"}
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "url": BASE_URL_SCHEMA,
            "databases": {
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_]{0,63}$"},
            },
            "cdiffs": {"type": "integer", "minimum": 0, "maximum": 1000},
            "custom": {"type": "array", "uniqueItems": True, "items": FILE_URL_SCHEMA},
            "require_signature": {"type": "boolean"},
            **FETCH_KEYS,
        },
    }

    name: str
    url: str
    databases: tuple[str, ...]
    custom: tuple[WantedFile, ...]
    cdiffs: int
    require_signature: bool
    options: FetchOptions

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.url`` when there are databases and no ``url``, or nothing at all, or a custom
                database that is none; ``source.*`` as :func:`fetch_options`.
        """
        custom = tuple(sorted((_custom(name, url) for url in options.get("custom", ())), key=lambda file: file.path))
        databases = tuple(sorted(options.get("databases", DATABASES if "url" in options else ())))
        if (databases and "url" not in options) or not (databases or custom):
            raise ConfigurationError(
                "source.url", f"Source {name!r} has nowhere to fetch databases from", need="url, custom or both"
            )
        try:
            check_path_set(file.path for file in custom)
        except MalformedError as error:
            raise ConfigurationError("source.url", f"Source {name!r}: {error.what}") from error
        return cls(
            name,
            options.get("url", "").rstrip("/"),
            databases,
            custom,
            int(options.get("cdiffs", 30)),
            options.get("require_signature", False),
            fetch_options(name, options),
        )

    def pull(self, bench: Workbench) -> Pull:
        """Fetch what is new.

        Raises:
            FetchError: As :class:`Fetcher`; ``clamav.changing``, ``clamav.sigtool``.
            MalformedError: ``clamav.header``, ``clamav.cdiff``.
            NotAuthenticError: ``clamav.md5``, ``clamav.signature``.
            RollbackError: ``source.older``.
            ConfigurationError: ``clamav.no-sigtool``.
        """
        sigtool = self._sigtool()
        with Fetcher(self.options, bench, self.name) as fetcher:
            mirror = Mirror(self.name, self.url, self.cdiffs, fetcher, bench, sigtool)
            databases = tuple(mirror.pull(name) for name in self.databases)
            custom = fetcher.get_all(self.custom)
            memo = {**fetcher.memo(), "databases": {found.name: found.known.to_json() for found in databases}}
        targets = [target for found in databases for target in found.targets]
        targets += [PulledTarget(file.path, file.blob) for file in custom]
        ordered = tuple(sorted(targets, key=lambda target: target.path))
        return Pull(
            targets=ordered,
            verification=self._verification(databases, custom),
            items=(*(_item(found) for found in databases), *(TargetFacts(file.path, _CUSTOM_LABEL) for file in custom)),
            memo=memo,
            version=", ".join(f"{found.name} {found.header.version}" for found in databases) or None,
            floor={found.name: (found.header.version,) for found in databases},
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Read the headers of the databases.

        Raises:
            FetchError: As :meth:`pull`.
        """
        with Fetcher(self.options, bench, self.name) as fetcher:
            mirror = Mirror(self.name, self.url, self.cdiffs, fetcher, bench, None)
            probes = {name: mirror.probe(name) for name in self.databases}
            looks = [fetcher.look(file) for file in self.custom]
        targets = [
            CheckedTarget(f"{name}.cvd", None, state_of(unchanged=probe.unchanged)) for name, probe in probes.items()
        ]
        targets += [CheckedTarget(look.path, look.length, state_of(unchanged=look.unchanged)) for look in looks]
        there = ", ".join(f"{name} {probe.header.version}" for name, probe in probes.items())
        here = ", ".join(f"{name} {probe.known.version}" for name, probe in probes.items() if probe.known)
        return SourceCheck(
            tuple(sorted(targets, key=lambda target: target.path)),
            f"{there} there, {here or 'none'} here" if there else "custom databases alone",
            there or None,
        )

    def _sigtool(self) -> Path | None:
        found = clamav_sigtool.find_sigtool()
        if found is None and self.require_signature and self.databases:
            raise ConfigurationError(
                "clamav.no-sigtool",
                f"Source {self.name!r} requires signatures to be verified, and sigtool is not installed",
                todo="install ClamAV on this machine, or take out require_signature",
            )
        return found

    def _verification(self, databases: Sequence[Database], custom: Sequence[FetchedFile]) -> str:
        total = len(databases)
        verified = sum(found.known.verified for found in databases)
        increments = sum(found.increments for found in databases)
        said = [f"{total} of {total} databases match the MD5 in their header"] if databases else []
        if verified:
            said.append(f"{verified} of {total} signatures verified by sigtool")
        carried = [f"{total - verified} of {total} signatures"] if verified < total else []
        carried += [f"{increments} increments"] if increments else []
        carried += [f"{len(custom)} custom databases"] if custom else []
        said += [f"{', '.join(carried)} {NOT_VERIFIED}"] if carried else []
        return "; ".join(said)


_CUSTOM_LABEL = "custom database"


def _item(found: Database) -> TargetFacts:
    header = found.header
    state = "verified by sigtool" if found.known.verified else NOT_VERIFIED
    return TargetFacts(
        f"{found.name}.cvd",
        f"ClamAV database, signature {state}",
        (
            ("version", header.version),
            ("built_at", clock.instant_text(header.built_at)),
            ("signatures", header.signatures),
            ("functionality_level", header.functionality_level),
            ("builder", header.builder),
            ("increments", found.increments),
        ),
    )


def _custom(source: str, url: str) -> WantedFile:
    path = file_name_of(url)
    if not _CUSTOM.fullmatch(PurePosixPath(path).suffix):
        raise ConfigurationError(
            "source.url",
            f"Source {source!r}: {path!r} is no custom database of ClamAV",
            need="a name that ends in .ndb, .hdb, .yar or another suffix that ClamAV knows",
            todo="a signed .cvd belongs into databases",
        )
    require_target_path(source, path, what=shown_url(url), code="source.url", error=ConfigurationError)
    return WantedFile(url, path)
