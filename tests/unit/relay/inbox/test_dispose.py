"""What becomes of real files that are done with."""

from __future__ import annotations

from pathlib import Path

from relay.inbox.dispose import Fate, dispose_of_file
from relay.inbox.listing import list_inbox, stamp_of
from tests.support.inbox_files import BUNDLE


def test_delete_removes_the_file_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(BUNDLE)
    assert (
        dispose_of_file(tmp_path, tmp_path / "a.zip", stamp_of((tmp_path / "a.zip").lstat()), "delete").fate
        is Fate.DELETED
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.zip"]


def test_keep_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(BUNDLE)
    assert dispose_of_file(tmp_path, path, stamp_of(path.lstat()), "keep").fate is Fate.KEPT
    assert path.read_bytes() == BUNDLE


def test_archive_moves_the_file_and_never_overwrites_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for content in (b"first", b"second", b"third"):
        path.write_bytes(content)
        assert dispose_of_file(tmp_path, path, stamp_of(path.lstat()), "archive").fate is Fate.ARCHIVED
    archived = {entry.name: entry.read_bytes() for entry in (tmp_path / "imported").iterdir()}
    assert archived == {"a.zip": b"first", "a.1.zip": b"second", "a.2.zip": b"third"}
    assert list_inbox(tmp_path).seen_files == ()


def test_a_file_that_was_replaced_meanwhile_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"imported")
    imported = stamp_of(path.lstat())
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").replace(path)
    for policy in ("delete", "archive"):
        assert dispose_of_file(tmp_path, path, imported, policy).fate is Fate.GONE
        assert path.read_bytes() == b"new"


def test_a_file_that_somebody_removed_already_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(BUNDLE)
    imported = stamp_of(path.lstat())
    path.unlink()
    assert dispose_of_file(tmp_path, path, imported, "delete").fate is Fate.GONE
