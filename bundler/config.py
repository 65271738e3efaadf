"""``bundler.toml`` as frozen types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bundler.kinds import KINDS, kind_class
from bundler.sources.common import COMMON_KEYS, NOTHING_SAID, CommonOptions
from manifests.errors import ConfigurationError, MalformedError
from manifests.names import check_source_name
from manifests.schemas import configuration


@dataclass(frozen=True)
class Kinds:
    """The kinds of source there are.

    Args:
        names: Every kind.
        options_schema: Gives the JSON Schema of a kind's own keys.
    """

    names: tuple[str, ...]
    options_schema: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True)
class Expiries:
    """How long each role's signature is good for, from the moment it is made. Days.

    Root is signed by people, so it lives longest. Timestamp and snapshot are made anew with each
    bundle; agents that verify end to end refuse what is older than they allow.
    """

    root: int = 365
    targets: int = 180
    sources: int = 180
    snapshot: int = 60
    timestamp: int = 60

    def of(self, role: str) -> timedelta:
        """Return the lifetime of a role; every delegated role lives as ``sources`` say."""
        known = {
            "root": self.root,
            "targets": self.targets,
            "snapshot": self.snapshot,
            "timestamp": self.timestamp,
        }
        return timedelta(days=known.get(role, self.sources))


@dataclass(frozen=True)
class SourceConfig:
    """One ``[[source]]`` table: the kind's own keys, already checked by its schema, and the common ones."""

    name: str
    kind: str
    options: Mapping[str, Any]
    common: CommonOptions = NOTHING_SAID


@dataclass(frozen=True)
class Config:
    """A whole ``bundler.toml``.

    Args:
        publisher: Begins the names of the bundles.
        sources: In the order of the file.
        lifetime_days: For so long can a bundle be imported after it was sealed: a promise that sealing keeps.
        runway_days: A role with less left than this is signed anew when possible, else warned about.
        expiries: Per role.
        retention_generations: So many of the newest versions can be made again, and can be what an increment
            stands on; more are kept for sites that may need them.
        pkcs11_module: Path of the PKCS#11 library for ``hsm:`` keys.
    """

    publisher: str
    sources: tuple[SourceConfig, ...] = ()
    lifetime_days: int = 30
    runway_days: int = 60
    expiries: Expiries = field(default_factory=Expiries)
    retention_generations: int = 10
    pkcs11_module: str | None = None

    @property
    def lifetime(self) -> timedelta:
        """The promised lifetime of a bundle."""
        return timedelta(days=self.lifetime_days)

    @property
    def runway(self) -> timedelta:
        """How much every role should have left."""
        return timedelta(days=self.runway_days)


def load_config(path: Path, kinds: Kinds | None = None) -> Config:
    """Read and check ``bundler.toml``.

    Args:
        path: The file.
        kinds: The kinds of source; those that ship when None.

    Raises:
        ConfigurationError: ``config.missing``, ``config.syntax``, ``config.unknown-key``,
            ``config.missing-key``, ``config.value`` or ``config.duplicate-source``.
        StorageError: The file cannot be read.
    """
    value = configuration.read_configuration(path, configuration.load_configuration_schema("bundler", "bundler"))
    config = Config(
        publisher=value["publisher"],
        sources=_sources(value.get("source", []), _shipped_kinds() if kinds is None else kinds, path),
        lifetime_days=int(value.get("lifetime_days", Config.lifetime_days)),
        runway_days=int(value.get("runway_days", Config.runway_days)),
        expiries=Expiries(**{role: int(days) for role, days in value.get("expiry_days", {}).items()}),
        retention_generations=int(value.get("retention_generations", Config.retention_generations)),
        pkcs11_module=value.get("pkcs11", {}).get("module"),
    )
    check_days(config, path)
    return config


def _shipped_kinds() -> Kinds:
    return Kinds(tuple(KINDS), lambda kind: kind_class(kind).OPTIONS_SCHEMA)


def _sources(tables: list[dict[str, Any]], kinds: Kinds, path: Path) -> tuple[SourceConfig, ...]:
    sources: dict[str, SourceConfig] = {}
    for number, table in enumerate(tables, 1):
        at = f"source[{number}]"
        source = _source(table, kinds, path, at)
        if source.name in sources:
            raise ConfigurationError("config.duplicate-source", f"{path}: {at}: the source {source.name} stands twice")
        sources[source.name] = source
    return tuple(sources.values())


def _source(table: dict[str, Any], kinds: Kinds, path: Path, at: str) -> SourceConfig:
    try:
        name = check_source_name(table["name"])
    except MalformedError as error:
        raise ConfigurationError(
            "config.value", f"{path}: {at}.name: {error.what}", need=error.need, key=f"{at}.name"
        ) from None
    kind = table["kind"]
    configuration.check_configuration(kind, {"enum": sorted(kinds.names)}, file=path, at=f"{at}.kind")
    keys = {key: item for key, item in table.items() if key not in {"name", "kind"}}
    own = kinds.options_schema(kind)
    properties = {**own.get("properties", {}), **COMMON_KEYS}
    rules = {"type": "object", "additionalProperties": False, **own, "properties": properties}
    configuration.check_configuration(keys, rules, file=path, at=at)
    options = {key: item for key, item in keys.items() if key not in COMMON_KEYS}
    return SourceConfig(name, kind, MappingProxyType(options), CommonOptions.from_table(keys))


def check_days(config: Config, path: Path) -> None:
    """Refuse lifetimes that no bundle could keep to."""
    expiries = config.expiries
    least = {
        "runway_days": (config.runway_days, "lifetime_days", config.lifetime_days),
        "expiry_days.timestamp": (expiries.timestamp, "lifetime_days", config.lifetime_days),
        "expiry_days.snapshot": (expiries.snapshot, "lifetime_days", config.lifetime_days),
        "expiry_days.targets": (expiries.targets, "runway_days", config.runway_days),
        "expiry_days.sources": (expiries.sources, "runway_days", config.runway_days),
        "expiry_days.root": (expiries.root, "runway_days", config.runway_days),
    }
    for key, (days, floor_key, floor) in least.items():
        if days < floor:
            raise ConfigurationError(
                "config.value",
                f"{path}: {key} is {days} days, shorter than {floor_key}",
                need=f"at least {floor}",
                key=key,
            )
