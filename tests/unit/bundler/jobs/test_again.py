"""A version that is made again is the same, or it is not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.jobs.again import create_again
from bundler.repository.repository import Repository
from manifests.errors import IncompleteError, UsageError
from tests.support.small_publisher import SmallPublisher


def test_it_is_the_same_bit_for_bit_and_no_version_advances(tmp_path: Path) -> None:
    publisher = SmallPublisher(tmp_path, 2)
    (first,) = publisher.create().files
    (again,) = create_again(publisher.context, 1, tmp_path / "again").files
    assert first.path.read_bytes() == again.path.read_bytes()
    assert first.sha256 == again.sha256
    assert Repository.load(publisher.home.metadata).snapshot_version == 1


def test_the_repository_is_loaded_once_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = SmallPublisher(tmp_path, 3)
    publisher.create()
    loads: list[Path] = []
    really = Repository.load
    monkeypatch.setattr(Repository, "load", lambda directory: (loads.append(directory), really(directory))[1])
    create_again(publisher.context, 1, tmp_path / "again")
    assert loads == [publisher.home.metadata]


def test_one_that_is_not_the_newest_is_made_with_a_warning(tmp_path: Path) -> None:
    publisher = SmallPublisher(tmp_path)
    publisher.create()
    publisher.change(0, "new")
    publisher.create()
    assert create_again(publisher.context, 2, tmp_path / "two").warnings == ()
    (warning,) = create_again(publisher.context, 1, tmp_path / "one").warnings
    assert warning.startswith("version 1 is not the newest, which is 2")


def test_without_its_content_it_cannot_be_made(tmp_path: Path) -> None:
    publisher = SmallPublisher(tmp_path)
    (file,) = publisher.create().files
    publisher.home.store().path(file.manifest.targets[0].sha256).unlink()
    with pytest.raises(IncompleteError) as caught:
        create_again(publisher.context, 1, tmp_path / "again")
    assert caught.value.code == "again.content-gone"
    assert not (tmp_path / "again").exists()


def test_a_version_that_was_never_sealed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        create_again(SmallPublisher(tmp_path).context, 1, tmp_path / "again")
    assert caught.value.code == "history.unknown"
