"""A relay whose rule packs are for a manager."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from manifests.errors import (
    SealiftError,
)
from relay.context import Context
from relay.dialing.manager.delivery import RulePackOrder, RulePackReport
from relay.dialing.manager.run import deliver_rule_packs
from relay.events.log import read_events
from relay.home import Home
from relay.state import State
from tests.support import dsm_simulator as dsm
from tests.support.dsm_simulator import MAGIC, DsmSimulator
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home

OLD, NEW = "26-030.dsru", "26-031.dsru"


class Site:
    """A relay with two rule packs, configured for a manager."""

    def __init__(self, base: Path, manager: DsmSimulator) -> None:
        self.base, self.manager = base, manager
        self.forge = BundleForge()
        self.home: Home = make_home(base / "home", self.forge.root)
        self.now = self.forge.created(1) + timedelta(hours=2)
        self.forge.files = {f"dsm/{name}": MAGIC + name.encode() for name in (OLD, NEW)}
        self.bundle()
        self.configure()

    def bundle(self) -> None:
        path = self.forge.seal(self.base / f"{self.forge.version + 1}.zip")
        import_bundle(self.home, path, self.forge.clock())

    def configure(self, password: str = dsm.PASSWORD, **more: Any) -> None:
        (self.home.path / "password").write_text(f"{password}\n")
        (self.home.path / "password").chmod(0o600)
        given = {
            "url": self.manager.url,
            "sources": ["dsm"],
            "credentials": {"user": dsm.USER, "password_file": "password"},
            "ca": str(self.manager.directory / "ca.pem"),
            "timeout_seconds": 5,
        }
        table = {key: value for key, value in (given | more).items() if value is not None}
        self.home.config_file.write_text(f'connectivity = "isolated"\n[manager]\n{toml(table)}')

    def clock(self) -> datetime:
        return self.now

    def deliver(self, **order: Any) -> RulePackReport:
        return deliver_rule_packs(Context(self.home, make_config(self.home), self.clock), RulePackOrder(**order))

    def refused(self, **order: Any) -> SealiftError:
        with pytest.raises(SealiftError) as caught:
            self.deliver(**order)
        assert dsm.PASSWORD not in f"{caught.value}{caught.value.to_json()}"
        return caught.value

    def events(self) -> list[tuple[str, str]]:
        with State(self.home.database) as state:
            found = read_events(self.home, state)
        assert dsm.PASSWORD not in str(found)
        return [(event.kind, event.text) for event in found if event.kind.startswith("manager-")]


def toml(table: dict[str, Any]) -> str:
    def value(item: Any) -> str:
        if isinstance(item, dict):
            return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in item.items()) + " }"
        return str(item).replace("'", '"') if isinstance(item, (list, int, float)) else f'"{item}"'

    return "".join(f"{key} = {value(item)}\n" for key, item in table.items())
