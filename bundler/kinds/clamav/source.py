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
from bundler.kinds.clamav.custom import CUSTOM_SCHEMA, describe_custom, is_local, read_custom
from bundler.kinds.clamav.database import Database, DatabaseProbe, Mirror
from bundler.kinds.clamav.directory import MirrorDirectory
from bundler.kinds.clamav.official import telling_who_is_served
from bundler.sources.base import (
    NOT_VERIFIED,
    CheckedTarget,
    Pull,
    PulledTarget,
    SourceCheck,
    TargetState,
    Workbench,
    state_of,
)
from bundler.sources.paths import absolute_path
from manifests import clock
from manifests.errors import ConfigurationError
from manifests.manifest import TargetFacts
from manifests.text import count_text

DATABASES = ("main", "daily", "bytecode")


@dataclass(frozen=True)
class ClamavSource:
    """Carry a mirror of ClamAV's databases.

    Args:
        url: Where the databases are, without a final slash; empty where there is no server.
        path: A directory that cvdupdate or freshclam keeps, instead of a server.
        databases: Their names, sorted.
        custom: Databases that are carried as they are, sorted by path; one without a host is in ``path``.
        cdiffs: Carry at most so many increments of each database.
        require_signature: Refuse to pull where ``sigtool`` is not installed.
        options: How to fetch.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = FETCH_OPTIONS | {"url", "path", "require_signature"}
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "url": BASE_URL_SCHEMA,
            "path": {"type": "string", "minLength": 1},
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
    path: Path | None
    databases: tuple[str, ...]
    custom: tuple[WantedFile, ...]
    cdiffs: int
    require_signature: bool
    options: FetchOptions

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.url`` when there are databases and neither ``url`` nor ``path``, or both, or
                nothing at all, or a custom database that is none; ``source.path`` for a relative one; ``source.*`` as
                :func:`fetch_options`.
        """
        url, path = options.get("url"), options.get("path")
        custom = read_custom(name, options.get("custom", ()))
        databases = tuple(sorted(options.get("databases", DATABASES if url or path else ())))
        if url and path:
            raise ConfigurationError("source.url", f"Source {name!r} has both url and path", need="one of them")
        if (databases and not (url or path)) or not (databases or custom):
            raise ConfigurationError(
                "source.url", f"Source {name!r} has nowhere to get databases from", need="url or path, custom, or both"
            )
        lonely = next((file.path for file in custom if path is None and is_local(file)), None)
        if lonely is not None:
            raise ConfigurationError(
                "source.url", f"Source {name!r}: {lonely!r} is a file name, and there is no path", need="path, or a URL"
            )
        return cls(
            name,
            (url or "").rstrip("/"),
            None if path is None else absolute_path(name, path),
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
            if self.path is None:
                mirror = Mirror(self.name, self.url, self.cdiffs, fetcher, bench, sigtool)
                with telling_who_is_served(self.url):
                    databases = tuple(mirror.pull(name) for name in self.databases)
                custom: tuple[FetchedFile, ...] = ()
            else:
                databases, custom = self._read(self.path, bench, sigtool)
            custom += fetcher.get_all([file for file in self.custom if not is_local(file)])
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
            found = self._probes(fetcher, bench)
            looks = [fetcher.look(file) for file in self.custom if not is_local(file)]
        targets = [CheckedTarget(file, None, state_of(unchanged=probe.unchanged)) for probe, file in found.values()]
        targets += [CheckedTarget(file.path, None, TargetState.TO_READ) for file in self.custom if is_local(file)]
        probes = {name: probe for name, (probe, _) in found.items()}
        targets += [CheckedTarget(look.path, look.length, state_of(unchanged=look.unchanged)) for look in looks]
        there = ", ".join(f"{name} {probe.header.version}" for name, probe in probes.items())
        here = ", ".join(f"{name} {probe.known.version}" for name, probe in probes.items() if probe.known)
        return SourceCheck(
            tuple(sorted(targets, key=lambda target: target.path)),
            f"{there} there, {here or 'none'} here" if there else "custom databases alone",
            there or None,
        )

    def _read(
        self, path: Path, bench: Workbench, sigtool: Path | None
    ) -> tuple[tuple[Database, ...], tuple[FetchedFile, ...]]:
        """Read the databases and the custom ones that are in a directory of this machine."""
        directory = MirrorDirectory.open(self.name, path, self.cdiffs, bench, sigtool)
        custom = [file for file in self.custom if is_local(file)]

        def pull() -> tuple[tuple[Database, ...], tuple[FetchedFile, ...]]:
            return (
                tuple(directory.pull(name) for name in self.databases),
                tuple(directory.files.get(file) for file in custom),
            )

        return directory.read(self.databases, [file.path for file in custom], pull)

    def _probes(self, fetcher: Fetcher, bench: Workbench) -> dict[str, tuple[DatabaseProbe, str]]:
        """Return the header of each database, and the name of its file."""
        if self.path is not None:
            directory = MirrorDirectory.open(self.name, self.path, self.cdiffs, bench, None)
            return {name: directory.probe(name) for name in self.databases}
        mirror = Mirror(self.name, self.url, self.cdiffs, fetcher, bench, None)
        with telling_who_is_served(self.url):
            return {name: (mirror.probe(name), f"{name}.cvd") for name in self.databases}

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
        patched = sum(found.patched for found in databases)
        total = len(databases) - patched
        verified = sum(found.known.verified for found in databases)
        increments = sum(found.increments for found in databases)
        said = [f"MD5 in the header matches: {total} of {count_text(total, 'database')}"] if total else []
        if patched:
            said.append(
                f"SHA-256 of the parts matches: {count_text(patched, 'database')} that freshclam patched (.cld)"
            )
        if verified:
            said.append(f"{verified} of {count_text(total, 'signature')} verified by sigtool")
        carried = [f"{total - verified} of {count_text(total, 'signature')}"] if verified < total else []
        carried += [f"{patched} .cld"] if patched else []
        carried += [count_text(increments, "increment")] if increments else []
        carried += [count_text(len(custom), "custom database")] if custom else []
        said += [f"{', '.join(carried)} {NOT_VERIFIED}"] if carried else []
        return "; ".join(said)


def _item(found: Database) -> TargetFacts:
    header = found.header
    state = "verified by sigtool" if found.known.verified else NOT_VERIFIED
    label = f"ClamAV database, signature {state}"
    if found.patched:
        label = f"ClamAV database that freshclam patched (.cld): no signature as a whole, {NOT_VERIFIED}"
    return TargetFacts(
        found.file,
        label,
        (
            ("version", header.version),
            ("built_at", clock.instant_text(header.built_at)),
            ("signatures", header.signatures),
            ("functionality_level", header.functionality_level),
            ("builder", header.builder),
            ("increments", found.increments),
        ),
    )
