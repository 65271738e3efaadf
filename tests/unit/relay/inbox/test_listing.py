"""Which files of real directories a listing sees."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from relay.inbox.listing import MAX_ENTRIES, list_inbox
from tests.support.inbox_files import BUNDLE


def seen(inbox: Path) -> list[str]:
    return sorted(str(seen_file.path.relative_to(inbox)) for seen_file in list_inbox(inbox).seen_files)


def test_regular_files_of_the_inbox_and_its_direct_subdirectories_are_seen_and_no_deeper(tmp_path: Path) -> None:
    (tmp_path / "stick" / "deep").mkdir(parents=True)
    for name in ("a.zip", "stick/b.ZIP", "stick/deep/c.zip", "renamed-bundle"):
        (tmp_path / name).write_bytes(BUNDLE)
    assert seen(tmp_path) == ["a.zip", "renamed-bundle", "stick/b.ZIP"]


@pytest.mark.parametrize(
    "name",
    [
        ".a.zip.Xk3jd2",
        "._a.zip",
        ".goutputstream-X",
        "a.zip.part",
        "a.zip.crdownload",
        "a.zip.filepart",
        "a.zip~",
        "~$a.zip",
        "a.TMP",
    ],
)
def test_names_that_copy_programs_use_for_unfinished_files_are_not_seen(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BUNDLE)
    assert seen(tmp_path) == []


@pytest.mark.parametrize("name", [".Trash-1000", "$RECYCLE.BIN", "imported"])
def test_directories_of_desktops_and_the_archive_are_not_entered(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.zip").write_bytes(BUNDLE)
    assert seen(tmp_path) == []


def test_links_fifos_sockets_and_linked_directories_are_never_seen(tmp_path: Path) -> None:
    outside, inbox = tmp_path / "outside", tmp_path / "inbox"
    outside.mkdir()
    inbox.mkdir()
    (outside / "a.zip").write_bytes(BUNDLE)
    (inbox / "link.zip").symlink_to(outside / "a.zip")
    (inbox / "directory").symlink_to(outside)
    (inbox / "dangling.zip").symlink_to(outside / "none")
    os.mkfifo(inbox / "fifo.zip")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(inbox / "socket.zip"))
        assert seen(inbox) == []


def test_an_inbox_that_is_not_there_is_empty_and_has_no_directories(tmp_path: Path) -> None:
    listing = list_inbox(tmp_path / "none")
    assert listing.seen_files == ()
    assert listing.directories == ()


def test_the_number_of_names_read_has_a_ceiling(tmp_path: Path) -> None:
    for number in range(MAX_ENTRIES + 1):
        os.close(os.open(tmp_path / f"{number}.txt", os.O_CREAT | os.O_WRONLY))
    listing = list_inbox(tmp_path)
    assert listing.truncated
    assert len(listing.seen_files) == MAX_ENTRIES
