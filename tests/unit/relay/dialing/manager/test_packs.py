"""Which rule packs of what is served are for the manager."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.archives.rulepack import Release
from manifests.disk.blobs import Blob
from manifests.errors import IncompleteError
from relay.dialing.manager.packs import CarriedRulePack, list_rule_packs
from relay.state import State
from tests.support.dsm_simulator import MAGIC, DsmSimulator
from tests.support.relay_homes import make_home
from tests.support.rule_pack_sites import NEW, OLD, Site


def test_before_the_first_import_there_is_nothing_to_deliver(tmp_path: Path, manager: DsmSimulator) -> None:
    site = Site(tmp_path, manager)
    site.home = make_home(tmp_path / "empty", site.forge.root)
    site.configure()
    error = site.refused()
    assert isinstance(error, IncompleteError)
    assert error.code == "manager.nothing"


def test_two_sources_with_a_pack_of_one_name_are_refused(site: Site) -> None:
    site.forge.files[f"own/{NEW}"] = MAGIC + b"own"
    site.bundle()
    site.configure(sources=["dsm", "own"])
    assert site.refused().code == "manager.duplicate"


def test_the_packs_of_the_named_sources_come_the_oldest_first(site: Site) -> None:
    site.forge.files |= {"dsm/own.zip": b"own", "dsm/deep/26-032.dsru": b"newest", "other/25-001.dsru": b"other"}
    site.bundle()
    with State(site.home.database) as state:
        generation, packs = list_rule_packs(state, ["dsm"])
    assert generation == 2
    assert [pack.path for pack in packs] == ["dsm/own.zip", f"dsm/{OLD}", f"dsm/{NEW}", "dsm/deep/26-032.dsru"]


@pytest.mark.parametrize(
    ("path", "name", "release"),
    [("dsm/26-031.dsru", "26-031.dsru", Release(2026, 31)), ("a/b/own.zip", "own.zip", None)],
)
def test_a_pack_is_known_by_its_file_name(path: str, name: str, release: Release | None) -> None:
    pack = CarriedRulePack.of_target(path, Blob("0" * 64, 1))
    assert (pack.name, pack.path, pack.release) == (name, path, release)
