"""Where bundles go: what the place cannot take is said with what to do, as early as it is known."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.home import Home
from bundler.seal.journal import finish_interrupted
from bundler.seal.write_verified import Sealing, written_to
from manifests import durable
from manifests.clock import from_text
from manifests.errors import StorageError
from manifests.manifest import BlobMember, Document, Manifest, SourceRecord, Target
from manifests.progress import NoProgress

NOW = from_text("2026-11-21T12:00:00Z")
PETABYTE = 10**15
A = "a" * 64
MANIFEST = Manifest(
    publisher="plant",
    snapshot_version=1,
    root_version=1,
    created=NOW,
    tool="t",
    sources=(SourceRecord("rules", "directory", NOW, ""),),
    targets=(Target("rules/large", PETABYTE, A),),
    documents=(Document("tuf/1.root.json", 1, A),),
    blobs=(BlobMember(A, PETABYTE, "stored", A, PETABYTE),),
)


@pytest.fixture
def sealing(tmp_path: Path) -> Sealing:
    home = Home(tmp_path / "dmz")
    home.path.mkdir()
    return Sealing(home, home.store(), lambda: NOW, NoProgress())


def test_a_bundle_that_does_not_fit_is_refused_before_its_first_byte(sealing: Sealing, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        sealing.begin(tmp_path / "stick", [MANIFEST], 1)
    assert caught.value.code == "storage.space"
    assert caught.value.details["needed"] == PETABYTE + 1
    assert "--out" in (caught.value.todo or "")
    assert not sealing.home.journal.exists()
    assert not any((tmp_path / "stick").iterdir())


def test_one_that_fits_is_begun(sealing: Sealing, tmp_path: Path) -> None:
    small = replace(MANIFEST, blobs=(BlobMember(A, 1, "stored", A, 1),))
    journal = sealing.begin(tmp_path / "stick", [small], 1)
    assert [place.final.name for place in journal.files] == ["plant-000001-full.zip"]


@pytest.mark.parametrize(
    ("number", "todo"), [(errno.ENOSPC, "--out"), (errno.EROFS, "--out"), (errno.EFBIG, "--volume-size fat32")]
)
def test_a_place_that_fails_is_answered_with_another_or_with_smaller_files(
    tmp_path: Path, number: int, todo: str
) -> None:
    with (
        pytest.raises(StorageError) as caught,
        written_to(tmp_path),
        durable.storage_errors(tmp_path / ".plant-000001-full.zip.partial"),
    ):
        raise OSError(number, os.strerror(number))
    assert todo in (caught.value.todo or "")


def test_trouble_with_the_home_is_not_blamed_on_the_place(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError) as caught,
        written_to(tmp_path / "stick"),
        durable.storage_errors(tmp_path / "dmz"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "--out" not in (caught.value.todo or "")


def test_what_an_interrupted_run_left_and_cannot_be_removed_is_said_with_the_way_on(
    sealing: Sealing, tmp_path: Path
) -> None:
    """Such as on a stick that has become read-only; without the stick there is nothing to remove."""
    small = replace(MANIFEST, blobs=(BlobMember(A, 1, "stored", A, 1),))
    (place,) = sealing.begin(tmp_path / "stick", [small], 1).files
    place.partial.mkdir()
    with pytest.raises(StorageError) as caught:
        finish_interrupted(sealing.home)
    assert str(place.partial) in caught.value.what
    assert "take the medium away" in (caught.value.todo or "")
    place.partial.rmdir()
    place.partial.parent.rmdir()
    finish_interrupted(sealing.home)
    assert not sealing.home.journal.exists()
