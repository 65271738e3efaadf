"""``bundle create`` as a job: what it loads, and what it leaves when it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundler.config import load_config
from bundler.context import Context
from bundler.home import Home
from bundler.jobs.again import create_again
from bundler.jobs.create import BundleOrder, CreatedBundles, create_bundles
from bundler.jobs.init import NewPublisher, create_publisher
from bundler.plan.readers import version_readers
from bundler.repository.repository import Repository
from bundler.repository.signers import signers_of
from manifests.clock import parse_instant
from manifests.errors import FetchError, UsageError
from manifests.limits import DEFAULT_LIMITS
from manifests.progress import NoProgress

NOW = parse_instant("2026-11-21T12:00:00Z")


class Publisher:
    """A home with so many directories as sources."""

    def __init__(self, path: Path, sources: int) -> None:
        self.path = path
        self.home: Home = create_publisher(path / "home", NewPublisher("plant"), NOW)
        text = self.home.config.read_text("utf-8")
        for number in range(sources):
            directory = path / f"content-{number}"
            directory.mkdir()
            (directory / "file").write_text(f"{number}")
            text += f'\n[[source]]\nname = "s{number}"\nkind = "directory"\npath = {json.dumps(str(directory))}\n'
        self.home.config.write_text(text, "utf-8")
        self.context = Context(self.home, load_config(self.home.config), lambda: NOW, NoProgress())

    def create(self, **order: object) -> CreatedBundles:
        wanted = BundleOrder(out=self.path / "out", tool="sealift test", **order)  # type: ignore[arg-type]
        return create_bundles(self.context, wanted, signers_of(self.home, self.context.config))


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
    publisher = Publisher(tmp_path, sources)
    loads.clear()
    publisher.create()
    assert loads == [publisher.home.metadata]


def test_it_is_loaded_once_to_make_a_version_again(tmp_path: Path, loads: list[Path]) -> None:
    publisher = Publisher(tmp_path, 3)
    publisher.create()
    loads.clear()
    create_again(publisher.context, 1, tmp_path / "again")
    assert loads == [publisher.home.metadata]


def test_a_version_made_again_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, 2)
    (first,) = publisher.create().files
    (again,) = create_again(publisher.context, 1, tmp_path / "again").files
    assert first.path.read_bytes() == again.path.read_bytes()
    assert first.sha256 == again.sha256


def test_for_readers_of_the_last_version_only_what_is_new_is_carried(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, 2)
    publisher.create()
    (tmp_path / "content-0" / "file").write_text("changed")
    readers = version_readers("last", (1,))
    (file,) = publisher.create(readers=readers).files
    assert {target.path: target.arrives for target in file.manifest.targets} == {"s0/file": "blob", "s1/file": "held"}
    assert (file.manifest.since, file.path.name) == (1, "plant-000002-since-000001.zip")


@pytest.mark.parametrize("trouble", ["source", "notes"])
def test_what_is_refused_leaves_no_bundle_and_no_version(tmp_path: Path, trouble: str) -> None:
    publisher = Publisher(tmp_path, 1)
    if trouble == "source":
        (tmp_path / "content-0" / "file").unlink()
        (tmp_path / "content-0").rmdir()
    notes = b"x" * (DEFAULT_LIMITS.notes_bytes + 1) if trouble == "notes" else None
    with pytest.raises((FetchError, UsageError)) as caught:
        publisher.create(notes=notes)
    assert caught.value.code == {"source": "create.source-failed", "notes": "create.notes"}[trouble]
    assert Repository.load(publisher.home.metadata).snapshot_version == 0
    assert not (tmp_path / "out").exists()
