"""A file that may be a bundle is opened only if nobody else can change it by another name."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.bundle.opening import open_bundle
from manifests.errors import MalformedError, StorageError


def refusal(path: Path) -> str:
    with pytest.raises(MalformedError) as caught, open_bundle(path):
        pass
    return caught.value.code


def test_a_regular_file_with_one_name_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"content")
    with open_bundle(path) as file:
        assert file.read() == b"content"
    assert file.closed


def test_links_directories_and_second_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"content")
    (tmp_path / "link.zip").symlink_to(path)
    assert refusal(tmp_path / "link.zip") == "bundle.not-a-file"
    assert refusal(tmp_path) == "bundle.not-a-file"
    (tmp_path / "second.zip").hardlink_to(path)
    assert refusal(path) == "bundle.hard-link"


def test_a_file_that_is_not_there_is_a_storage_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught, open_bundle(tmp_path / "none.zip"):
        pass
    assert caught.value.path == tmp_path / "none.zip"
