"""The relay's configuration: ``relay.toml`` as types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from manifests.errors import ConfigurationError
from manifests.features import Connectivity, Language
from manifests.limits import MIB
from manifests.schemas import configuration

Dispose = Literal["delete", "keep", "archive"]

DEFAULT_LISTEN = "127.0.0.1:4122"

_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class InboxConfig:
    """One watched directory.

    ``dispose`` says what becomes of an imported file: ``delete``, ``keep``, or ``archive`` (moved to the
    directory ``imported`` of the inbox). ``settle_seconds`` is how long size and time must stand still
    before a file is read, ``rescan_seconds`` how often the directory is listed without any event.
    """

    path: Path
    dispose: Dispose = "delete"
    settle_seconds: float = 2.0
    rescan_seconds: float = 10.0


@dataclass(frozen=True)
class DeliveryConfig:
    """A directory of another program that targets are put into.

    ``name`` is what publishers call the place. ``hold_days``: a file is removed again after so many days, and in any
    case once its generation is superseded. ``include``: patterns of the names that the place takes, every name when
    empty. ``owner``: ``user`` or ``user:group``; ``None`` leaves it to be ours.
    """

    name: str
    directory: Path
    hold_days: int | None = None
    owner: str | None = None
    mode: int = 0o644
    include: tuple[str, ...] = ()

    def takes(self, file_name: str) -> bool:
        """Tell whether a file of this name may be put here."""
        return not self.include or any(fnmatchcase(file_name, pattern) for pattern in self.include)


@dataclass(frozen=True)
class TlsFiles:
    """A certificate chain (PEM, leaf first) and its key (PEM, not encrypted); they may be one file."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Config:
    """Everything that ``relay.toml`` says. Paths are absolute.

    ``mount_at_root``: the source that is served at the root too; ``False`` for none, ``True`` for the one whose
    publisher asks for it. ``tls``: files of the operator's own, instead of those that ``relay init`` made.
    ``stale_after_days``: age at which ``stale`` is raised although the signatures are still good, where the
    publisher gives no other.
    ``reserve_bytes``: what an import leaves free on the disk. ``quarantine_bytes``: the most that the
    quarantine may take. ``keep_generations``: how many of the newest ``relay gc`` keeps. ``port`` 0 takes any
    free port.
    """

    connectivity: Connectivity
    inboxes: tuple[InboxConfig, ...]
    host: str = "127.0.0.1"
    port: int = 4122
    mount_at_root: str | bool = True
    tls: TlsFiles | None = None
    stale_after_days: int = 30
    reserve_bytes: int = 64 * MIB
    quarantine_bytes: int = 4096 * MIB
    keep_generations: int = 10
    languages: tuple[Language, ...] = ("en", "ja")
    deliveries: tuple[DeliveryConfig, ...] = ()


def parse_listen(text: str, *, where: str = "--listen") -> tuple[str, int]:
    """Read ``127.0.0.1:4122``, ``[::1]:4122`` or ``relay.example:4122``.

    Args:
        text: Host and port.
        where: What to name in the error.

    Returns:
        Host (without brackets) and port.

    Raises:
        ConfigurationError: ``config.listen``.
    """
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ConfigurationError(
            "config.listen",
            f"{where}: {text!r} is not a valid address to listen on",
            need="HOST:PORT, such as 127.0.0.1:4122",
        )
    return match["host"].strip("[]"), int(match["port"])


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``relay.toml``."""
    value: dict[str, Any] = json.loads(files("relay").joinpath("data", "relay.schema.json").read_text("utf-8"))
    return value


def config_path(home: Path) -> Path:
    """Return where the configuration of a relay stands."""
    return home / "relay.toml"


def load_config(home: Path) -> Config:
    """Read ``<home>/relay.toml``.

    Args:
        home: The relay's directory. Relative paths in the file are relative to it.

    Raises:
        ConfigurationError: ``config.*``: the file is missing, is not TOML, or breaks the schema.
    """
    path = config_path(home)
    return config_from_values(configuration.read_configuration(path, config_schema()), home)


def find_config_errors(home: Path) -> tuple[ConfigurationError, ...]:
    """Return all that is wrong in ``<home>/relay.toml``, rather than the first."""
    try:
        values = configuration.parse_configuration(config_path(home))
    except ConfigurationError as error:
        return (error,)
    errors = configuration.find_violations(values, config_schema(), file=config_path(home))
    if errors:
        return errors
    found: list[ConfigurationError] = []
    parts: list[Callable[[], object]] = [partial(_listen_of, values)]
    parts += [partial(_deliveries, [entry], home) for entry in values.get("delivery", [])]
    parts.append(partial(config_from_values, values, home))
    for part in parts:
        try:
            part()
        except ConfigurationError as error:
            found.append(error)
    return tuple({str(error): error for error in found}.values())


def config_from_values(values: dict[str, Any], home: Path) -> Config:
    """Build the configuration from values that the schema allows."""
    serve, store = values.get("serve", {}), values.get("store", {})
    host, port = _listen_of(values)
    tls = serve.get("tls")
    inboxes = [InboxConfig(home / "inbox")] if values.get("default_inbox", True) else []
    inboxes += [_inbox(entry, home) for entry in values.get("inbox", [])]
    return Config(
        connectivity=values["connectivity"],
        inboxes=_unique(inboxes),
        host=host,
        port=port,
        mount_at_root=serve.get("mount_at_root", Config.mount_at_root),
        tls=None if tls is None else TlsFiles(home / tls["certificate"], home / tls["key"]),
        stale_after_days=values.get("stale_after_days", Config.stale_after_days),
        reserve_bytes=store.get("reserve_mib", Config.reserve_bytes // MIB) * MIB,
        quarantine_bytes=store.get("quarantine_mib", Config.quarantine_bytes // MIB) * MIB,
        keep_generations=store.get("keep_generations", Config.keep_generations),
        languages=tuple(values.get("languages", Config.languages)),
        deliveries=_deliveries(values.get("delivery", []), home),
    )


def _listen_of(values: dict[str, Any]) -> tuple[str, int]:
    return parse_listen(values.get("serve", {}).get("listen", DEFAULT_LISTEN), where="relay.toml: serve.listen")


def _inbox(entry: dict[str, Any], home: Path) -> InboxConfig:
    return InboxConfig(
        path=home / entry["path"],
        dispose=entry.get("dispose", InboxConfig.dispose),
        settle_seconds=float(entry.get("settle_seconds", InboxConfig.settle_seconds)),
        rescan_seconds=float(entry.get("rescan_seconds", InboxConfig.rescan_seconds)),
    )


def _deliveries(entries: list[dict[str, Any]], home: Path) -> tuple[DeliveryConfig, ...]:
    places: dict[str, DeliveryConfig] = {}
    for entry in entries:
        name, directory = entry["name"], Path(entry["directory"])
        if name in places:
            raise ConfigurationError("config.delivery", f"relay.toml: there are two places {name!r}")
        if not directory.is_absolute() or ".." in directory.parts or directory.is_relative_to(home):
            raise ConfigurationError(
                "config.delivery",
                f"relay.toml: the directory of the place {name!r} cannot be {str(directory)!r}",
                need="the absolute path of another program's directory, outside the relay's own",
            )
        places[name] = DeliveryConfig(
            name=name,
            directory=directory,
            hold_days=entry.get("hold_days"),
            owner=entry.get("owner"),
            mode=int(entry["mode"], 8) if "mode" in entry else DeliveryConfig.mode,
            include=tuple(entry.get("include", ())),
        )
    return tuple(places.values())


def _unique(inboxes: list[InboxConfig]) -> tuple[InboxConfig, ...]:
    """Let a later table replace an earlier one of the same path, so that the first inbox can be set too."""
    return tuple({inbox.path: inbox for inbox in inboxes}.values())
