"""``bundler.toml`` as frozen types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bundler.kinds import KINDS, kind_class
from bundler.sources.common import COMMON_KEYS, NOTHING_SAID, CommonOptions
from manifests.clock import add_time
from manifests.errors import ConfigurationError, MalformedError
from manifests.names import check_source_name
from manifests.schemas import configuration
from manifests.text import count_text


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

    def end_of(self, role: str, signed_at: datetime) -> datetime:
        """Return when a signature of a role ends that is made at an instant."""
        return add_time(signed_at, self.of(role))

    def runway_of(self, role: str, runway: timedelta) -> timedelta:
        """Return with how much left a role is signed anew, or warned about: half of its life at most.

        What was just signed is never short then, however long the runway is.
        """
        return min(runway, self.of(role) / 2)


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
        runway_days: A role with less left than this is signed anew when possible, else warned about: at half of its
            life at the latest.
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
            ``config.missing-key``, ``config.value`` or ``config.duplicate-source``: the first of all that is wrong.
        StorageError: The file cannot be read.
    """
    reading = read_config(path, kinds)
    for error in reading.errors:
        raise error
    return reading.sound_part


@dataclass(frozen=True)
class BrokenSource:
    """A ``[[source]]`` table that cannot be used: its name, or its place where it has none, and all that is wrong."""

    name: str
    kind: str
    errors: tuple[ConfigurationError, ...]


@dataclass(frozen=True)
class ConfigReading:
    """All that is wrong in a ``bundler.toml``, and what can be used of it all the same.

    Args:
        general: What is wrong beside the sources.
        broken: The sources that cannot be used, in the order of the file.
        sound: With the sources that can be used; None where something beside them is wrong.
    """

    general: tuple[ConfigurationError, ...]
    broken: tuple[BrokenSource, ...]
    sound: Config | None

    @property
    def errors(self) -> tuple[ConfigurationError, ...]:
        """All that is wrong."""
        return self.general + tuple(error for source in self.broken for error in source.errors)

    @property
    def sound_part(self) -> Config:
        """What can be used.

        Raises:
            ConfigurationError: Something beside the sources is wrong.
        """
        if self.sound is None:
            raise self.general[0]
        return self.sound


def read_config(path: Path, kinds: Kinds | None = None) -> ConfigReading:
    """Read ``bundler.toml`` and find all that is wrong in it, rather than the first.

    Args:
        path: The file.
        kinds: The kinds of source; those that ship when None.

    Raises:
        ConfigurationError: ``config.missing``, ``config.syntax``, ``file.*``: it cannot be read as a whole.
        StorageError: The file cannot be read.
    """
    value = configuration.parse_configuration(path)
    rules = configuration.load_configuration_schema("bundler", "bundler")
    tables = value.get("source", [])
    listed = isinstance(tables, list)
    general = configuration.find_violations({**value, "source": []} if listed else value, rules, file=path)
    sources, broken = _sources(tables if listed else [], _shipped_kinds() if kinds is None else kinds, path)
    config = None if general else _config(value, sources)
    if config is not None:
        general = tuple(wrong_days(config, path))
    return ConfigReading(general, broken, None if general else config)


def _config(value: Mapping[str, Any], sources: tuple[SourceConfig, ...]) -> Config:
    return Config(
        publisher=value["publisher"],
        sources=sources,
        lifetime_days=int(value.get("lifetime_days", Config.lifetime_days)),
        runway_days=int(value.get("runway_days", Config.runway_days)),
        expiries=Expiries(**{role: int(days) for role, days in value.get("expiry_days", {}).items()}),
        retention_generations=int(value.get("retention_generations", Config.retention_generations)),
        pkcs11_module=value.get("pkcs11", {}).get("module"),
    )


def _shipped_kinds() -> Kinds:
    return Kinds(tuple(KINDS), lambda kind: kind_class(kind).OPTIONS_SCHEMA)


def _sources(tables: list[Any], kinds: Kinds, path: Path) -> tuple[tuple[SourceConfig, ...], tuple[BrokenSource, ...]]:
    sources: dict[str, SourceConfig] = {}
    broken: list[BrokenSource] = []
    for number, table in enumerate(tables, 1):
        at = f"source[{number}]"
        errors = _wrong_in_source(table, kinds, path, at)
        if not errors and table["name"] in sources:
            what = f'{path}: {at}: the source "{table["name"]}" is defined twice'
            errors = [ConfigurationError("config.duplicate-source", what)]
        if errors:
            broken.append(BrokenSource(*_shown_name(table, at), tuple(errors)))
        else:
            sources[table["name"]] = _source(table)
    return tuple(sources.values()), tuple(broken)


def _shown_name(table: Any, at: str) -> tuple[str, str]:
    """Return what to call a broken source, and its kind."""
    given = table if isinstance(table, dict) else {}
    return str(given.get("name", at)), str(given.get("kind", ""))


def _wrong_in_source(table: Any, kinds: Kinds, path: Path, at: str) -> list[ConfigurationError]:
    """Return all that is wrong in one table."""
    every = configuration.load_configuration_schema("bundler", "bundler")["properties"]["source"]["items"]
    errors = list(configuration.find_violations(table, every, file=path, at=at))
    given = table if isinstance(table, dict) else {}
    name, kind = given.get("name"), given.get("kind")
    try:
        check_source_name(name if isinstance(name, str) else "sound")
    except MalformedError as error:
        what = f"{path}: {at}.name: {error.what}"
        errors.append(ConfigurationError("config.value", what, need=error.need, key=f"{at}.name"))
    if not isinstance(kind, str):
        return errors
    unknown = configuration.find_violations(kind, {"enum": sorted(kinds.names)}, file=path, at=f"{at}.kind")
    if unknown:
        return [*errors, *unknown]
    own = kinds.options_schema(kind)
    properties = {**own.get("properties", {}), **COMMON_KEYS}
    rules = {"type": "object", "additionalProperties": False, **own, "properties": properties}
    return [*errors, *configuration.find_violations(_own_keys(given), rules, file=path, at=at)]


def _own_keys(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in table.items() if key not in {"name", "kind"}}


def _source(table: Mapping[str, Any]) -> SourceConfig:
    keys = _own_keys(table)
    options = {key: item for key, item in keys.items() if key not in COMMON_KEYS}
    return SourceConfig(table["name"], table["kind"], MappingProxyType(options), CommonOptions.from_table(keys))


def wrong_days(config: Config, path: Path) -> Iterator[ConfigurationError]:
    """Yield an error for each lifetime that no bundle could keep to."""
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
            yield ConfigurationError(
                "config.value",
                f"{path}: {key} is {count_text(days, 'day')}, shorter than {floor_key}",
                need=f"at least {floor}",
                key=key,
            )
