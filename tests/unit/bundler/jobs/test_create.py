"""``bundle create`` as a job: what it loads, what it carries, and what it leaves when it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.plan.readers import version_readers
from bundler.repository.repository import Repository
from manifests.errors import FetchError, UsageError
from manifests.limits import DEFAULT_LIMITS
from tests.support.small_publisher import SmallPublisher


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
