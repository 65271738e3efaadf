"""Homes as the commit before the house left them: they open, and go on with the next bundle.

A bundle of that time is refused: what sites act on was not yet signed by the targets role (ADR 0020).

The archive was made by that commit's own programs (``bundle init``, ``create`` twice, ``relay init``, ``import`` of the
first bundle, ``receipt``, and the import of a file that is no bundle), on 2026-11-30. Its keys are for this test alone.
"""

from __future__ import annotations

import json
import lzma
import sqlite3
import tarfile
from pathlib import Path

import pytest

from bundler.config import load_config as load_publisher_config
from bundler.context import Context as PublisherContext
from bundler.home import open_home as open_publisher
from bundler.jobs.create import BundleOrder, create_bundles
from bundler.repository.signers import signers_of
from manifests.clock import parse_instant
from manifests.errors import MalformedError
from manifests.progress import NoProgress
from manifests.receipt import verify_receipt
from relay.afterwards import follow_import
from relay.config import load_config
from relay.context import Context
from relay.home import open_home
from relay.importing.importer import import_bundle
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.store.verify import verify_store
from tests.support.commands import BIN, run

ARCHIVE = Path(__file__).parents[1] / "data" / "homes-before-the-house.tar.xz"
NOW = parse_instant("2026-11-30T12:00:00Z")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The directory with the homes ``pub`` and ``site``, as they were."""
    with lzma.open(ARCHIVE) as file, tarfile.open(fileobj=file) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def site(old: Path) -> Context:
    home = open_home(old / "site")
    return Context(home, load_config(home.path), lambda: NOW)


def served(context: Context) -> int | None:
    with State(context.home.database) as state:
        (ring,) = [ring for ring in state.publications.list_rings() if ring.name == DEFAULT_RING]
        return ring.generation


def test_the_archive_is_of_the_version_of_the_state_before(old: Path) -> None:
    with sqlite3.connect(old / "site" / "state.db") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
    database.close()


def test_what_was_known_is_known(old: Path) -> None:
    status = json.loads(run([BIN / "relay", "--home", old / "site", "status", "-o", "json"]).stdout)
    assert (status["publisher"], status["generation"]) == ("plant", 1)
    assert status["last_import"]["subject"] == "1"
    assert "Generation 1 of plant" in status["last_import"]["text"]
    assert status["last_refusal"]["subject"] == "zip.not-a-zip"
    events = run([BIN / "relay", "--home", old / "site", "events"]).stdout
    assert "Generation 1 of plant" in events
    assert "bad.zip" in events


def test_a_bundle_of_that_time_is_refused_with_the_way_out_and_nothing_changes(old: Path, site: Context) -> None:
    with pytest.raises(MalformedError, match="the bundle is of an earlier Sealift") as refused:
        import_bundle(site, old / "out" / "plant-000002-full.zip")
    assert refused.value.code == "tuf.extension"
    assert served(site) == 1


def test_the_serial_of_the_newest_receipt_is_known_at_once(old: Path, site: Context) -> None:
    with State(site.home.database) as state:
        assert state.receipts.load_last_serial() == verify_receipt((old / "receipt.json").read_bytes()).receipt.serial


def test_the_publisher_seals_its_next_version_and_the_site_goes_on_with_it(old: Path, site: Context) -> None:
    home = open_publisher(old / "pub")
    text = home.config.read_text("utf-8").replace("/tmp/old/rules", str(old / "rules"))
    home.config.write_text(text, "utf-8")
    context = PublisherContext(home, load_publisher_config(home.config), lambda: NOW, NoProgress())
    (old / "next").mkdir()
    created = create_bundles(context, BundleOrder(old / "next", "sealift test"), signers_of(home, context.config))
    assert [file.manifest.snapshot_version for file in created.files] == [3]
    assert import_bundle(site, created.files[0].path).generation == 3
    assert served(site) == 1
    follow_import(site)
    assert served(site) == 3
    assert not verify_store(site.home, site.progress, site.cancel).damage
    told = verify_receipt((old / "receipt.json").read_bytes()).receipt.serial
    with State(site.home.database) as state:
        assert state.receipts.load_last_serial() > told
