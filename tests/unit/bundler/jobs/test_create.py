"""``bundle create`` as a job: what it loads, what it carries, and what it leaves when it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from bundler.history import History
from bundler.jobs.create import CreatedBundles, NothingNew
from bundler.plan.readers import version_readers
from bundler.report.created import created_to_json, created_to_text
from bundler.repository.delegations import Authority, write_delegations
from bundler.repository.repository import Repository, wishes_path
from manifests.errors import FetchError, UsageError
from manifests.limits import DEFAULT_LIMITS
from tests.support.small_publisher import NOW, SmallPublisher


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every directory that a repository is loaded from."""
    seen: list[Path] = []
    really = Repository.load

    def load_counted(directory: Path) -> Repository:
        seen.append(directory)
        return really(directory)

    monkeypatch.setattr(Repository, "load", load_counted)
    return seen


@pytest.mark.parametrize("sources", [1, 3, 10])
def test_the_repository_is_loaded_once_however_many_sources_there_are(
    tmp_path: Path, loads: list[Path], sources: int
) -> None:
    publisher = SmallPublisher(tmp_path, sources)
    loads.clear()
    publisher.create()
    assert loads == [publisher.home.metadata]


def test_for_readers_of_the_last_version_only_what_is_new_is_carried(tmp_path: Path) -> None:
    publisher = SmallPublisher(tmp_path, 2)
    publisher.create()
    publisher.change(0, "changed")
    (file,) = publisher.create(readers=version_readers("last", (1,))).files
    assert {target.path: target.arrives for target in file.manifest.targets} == {"s0/file": "blob", "s1/file": "held"}
    assert (file.manifest.since, file.path.name) == (1, "plant-000002-since-000001.zip")


@pytest.mark.parametrize("trouble", ["source", "notes"])
def test_what_is_refused_leaves_no_bundle_and_no_version(tmp_path: Path, trouble: str) -> None:
    publisher = SmallPublisher(tmp_path)
    if trouble == "source":
        (tmp_path / "content-0" / "file").unlink()
        (tmp_path / "content-0").rmdir()
    notes = b"x" * (DEFAULT_LIMITS.notes_bytes + 1) if trouble == "notes" else None
    with pytest.raises((FetchError, UsageError)) as caught:
        publisher.create(notes=notes)
    assert caught.value.code == {"source": "create.source-failed", "notes": "create.notes"}[trouble]
    assert Repository.load(publisher.home.metadata).snapshot_version == 0
    assert not (tmp_path / "out").exists()


def test_it_is_said_for_whom_a_bundle_is_and_kept_for_its_copies(tmp_path: Path) -> None:
    publisher = SmallPublisher(tmp_path, 2)
    full = publisher.create()
    publisher.change(0, "changed")
    more = publisher.create(readers=version_readers("last", (1,)))
    assert (full.readers, more.readers) == ("every site, whatever it has", "sites that have version 1")
    assert created_to_json(full)["new_site_needs"] is None
    assert created_to_json(more)["new_site_needs"] == "bundle create --full --out DIR"
    assert "\nfor        sites that have version 1\nnew sites  cannot take it" in created_to_text(more)
    assert History(publisher.home).read_version(2).readers == more.readers


def notes_are_given(_: SmallPublisher) -> dict[str, object]:
    return {"notes": b"# Week 47\n"}


def content_changes(publisher: SmallPublisher) -> dict[str, object]:
    publisher.change(1, "changed")
    return {}


def a_source_fails(publisher: SmallPublisher) -> dict[str, object]:
    shutil.rmtree(publisher.path / "content-1")
    return {"allow_partial": True}


def a_source_goes(publisher: SmallPublisher) -> dict[str, object]:
    publisher.context = replace(
        publisher.context, config=replace(publisher.context.config, sources=publisher.context.config.sources[:1])
    )
    return {}


def a_word_about_a_source_changes(publisher: SmallPublisher) -> dict[str, object]:
    first, second = publisher.context.config.sources
    said = replace(second, common=replace(second.common, licence="ours"))
    publisher.context = replace(publisher.context, config=replace(publisher.context.config, sources=(first, said)))
    return {}


def half_of_its_life_is_over(publisher: SmallPublisher) -> dict[str, object]:
    publisher.context = replace(publisher.context, clock=lambda: NOW + timedelta(days=30, seconds=1))
    return {}


def a_key_is_wished(publisher: SmallPublisher) -> dict[str, object]:
    key = CryptoSigner.generate_ed25519().public_key
    (targets,) = Repository.load(publisher.home.metadata).authority("targets").keys
    write_delegations(wishes_path(publisher.home.metadata), {"s0": Authority((targets, key), 1)})
    return {}


def nothing_is_sealed_yet(publisher: SmallPublisher) -> dict[str, object]:
    History(publisher.home).forget_version(1)
    return {}


@pytest.mark.parametrize(
    "happens",
    [
        notes_are_given,
        content_changes,
        a_source_fails,
        a_source_goes,
        a_word_about_a_source_changes,
        half_of_its_life_is_over,
        a_key_is_wished,
        nothing_is_sealed_yet,
    ],
)
def test_a_bundle_is_made_when_there_is_a_reason_to(
    tmp_path: Path, happens: Callable[[SmallPublisher], dict[str, object]]
) -> None:
    publisher = SmallPublisher(tmp_path, 2)
    publisher.create()
    order = happens(publisher)
    made = publisher.create_if_changed(**order)
    assert isinstance(made, CreatedBundles)
    assert made.files[0].manifest.snapshot_version == 2


@pytest.mark.parametrize("days", [0, 1, 30])
def test_nothing_is_made_when_nothing_is_new(tmp_path: Path, days: int) -> None:
    publisher = SmallPublisher(tmp_path, 2)
    publisher.create()
    publisher.context = replace(publisher.context, clock=lambda: NOW + timedelta(days=days))
    before = sorted((tmp_path / "out").iterdir())
    assert publisher.create_if_changed() == NothingNew(1, ("s0", "s1"))
    assert sorted((tmp_path / "out").iterdir()) == before
    assert Repository.load(publisher.home.metadata).snapshot_version == 1
