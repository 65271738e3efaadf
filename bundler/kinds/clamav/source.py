"""Source ``clamav``: a private mirror that freshclam accepts, and custom databases beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from bundler.fetch.fetcher import FetchedFile, Fetcher, WantedFile
from bundler.fetch.options import FETCH_KEYS, FETCH_OPTIONS, FetchOptions, fetch_options
from bundler.fetch.urls import BASE_URL_SCHEMA
from bundler.kinds.clamav import sigtool as clamav_sigtool
from bundler.kinds.clamav.custom import CUSTOM_SCHEMA, describe_custom, read_custom
from bundler.kinds.clamav.database import Database, Mirror
from bundler.sources.base import NOT_VERIFIED, CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench, state_of
from manifests import clock
from manifests.errors import ConfigurationError
from manifests.manifest import TargetFacts

DATABASES = ("main", "daily", "bytecode")


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
            "custom": CUSTOM_SCHEMA,
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
        custom = read_custom(name, options.get("custom", ()))
        databases = tuple(sorted(options.get("databases", DATABASES if "url" in options else ())))
        if (databases and "url" not in options) or not (databases or custom):
            raise ConfigurationError(
                "source.url", f"Source {name!r} has nowhere to fetch databases from", need="url, custom or both"
            )
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
            FetchError: As :class:`Fetcher`; ``clamav.changing``, ``clamav.sigtool``, ``source.empty``.
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
            items=(*(_item(found) for found in databases), *describe_custom(self.name, bench, custom)),
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
