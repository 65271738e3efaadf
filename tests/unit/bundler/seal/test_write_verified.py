"""Where bundles go: what the place cannot take is said with what to do, as early as it is known."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.config import Config
from bundler.context import Context
from bundler.home import Home
from bundler.seal.journal import finish_interrupted
from bundler.seal.write_verified import VerifiedWriter, advised_about
from manifests.clock import parse_instant
from manifests.disk import durable
from manifests.errors import StorageError
from manifests.manifest import BlobMember, DocumentMember, Manifest, SourceRecord, Target
from manifests.progress import NoProgress

NOW = parse_instant("2026-11-21T12:00:00Z")
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
    documents=(DocumentMember("tuf/1.root.json", 1, A),),
    blobs=(BlobMember(A, PETABYTE, "stored", A, PETABYTE),),
)


@pytest.fixture
def writer(tmp_path: Path) -> VerifiedWriter:
    home = Home(tmp_path / "dmz")
    home.path.mkdir()
    return VerifiedWriter(Context(home, Config("plant"), lambda: NOW, NoProgress()), b"")


def test_a_bundle_that_does_not_fit_is_refused_before_its_first_byte(writer: VerifiedWriter, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        writer.begin_journal(tmp_path / "stick", [MANIFEST], 1)
    assert caught.value.code == "storage.space"
    assert caught.value.details["needed"] == PETABYTE + 1
    assert "--out" in (caught.value.todo or "")
    assert not writer.context.home.journal.exists()
    assert not any((tmp_path / "stick").iterdir())


def test_one_that_fits_is_begun(writer: VerifiedWriter, tmp_path: Path) -> None:
    small = replace(MANIFEST, blobs=(BlobMember(A, 1, "stored", A, 1),))
    journal = writer.begin_journal(tmp_path / "stick", [small], 1)
    assert [file.final.name for file in journal.files] == ["plant-000001-full.zip"]


@pytest.mark.parametrize(
    ("number", "todo"), [(errno.ENOSPC, "--out"), (errno.EROFS, "--out"), (errno.EFBIG, "--volume-size fat32")]
)
def test_a_place_that_fails_is_answered_with_another_or_with_smaller_files(
    tmp_path: Path, number: int, todo: str
) -> None:
    with (
        pytest.raises(StorageError) as caught,
        advised_about(tmp_path),
        durable.storage_errors(tmp_path / ".plant-000001-full.zip.partial"),
    ):
        raise OSError(number, os.strerror(number))
    assert todo in (caught.value.todo or "")


def test_trouble_with_the_home_is_not_blamed_on_the_place(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError) as caught,
        advised_about(tmp_path / "stick"),
        durable.storage_errors(tmp_path / "dmz"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "--out" not in (caught.value.todo or "")


def test_what_an_interrupted_run_left_and_cannot_be_removed_is_said_with_the_way_on(
    writer: VerifiedWriter, tmp_path: Path
) -> None:
    """Such as on a stick that has become read-only; without the stick there is nothing to remove."""
    small = replace(MANIFEST, blobs=(BlobMember(A, 1, "stored", A, 1),))
    (file,) = writer.begin_journal(tmp_path / "stick", [small], 1).files
    file.partial.mkdir()
    with pytest.raises(StorageError) as caught:
        finish_interrupted(writer.context.home)
    assert str(file.partial) in caught.value.what
    assert "take the medium away" in (caught.value.todo or "")
    file.partial.rmdir()
    file.partial.parent.rmdir()
    finish_interrupted(writer.context.home)
    assert not writer.context.home.journal.exists()
