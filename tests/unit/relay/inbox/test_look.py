"""What the inbox sees of real files: listing, the first look, disposal."""

from __future__ import annotations

import io
import os
import random
import shutil
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest

from relay.inbox.dispose import Fate, dispose_of_file
from relay.inbox.listing import MAX_ENTRIES, list_inbox, stamp_of
from relay.inbox.look import look_at_file, read_claimed_version
from relay.inbox.readiness import FirstLook, Likeness


def zip_bytes(*names: str, payload: bytes = b"payload" * 100, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), payload)
        archive.comment = comment
    return buffer.getvalue()


BUNDLE = zip_bytes("manifest.json", "manifest.sig.json", "tuf/1.root.json", "blobs/aa")
SMALL = zip_bytes("manifest.json", "manifest.sig.json", payload=b"{}")


def look_at(path: Path) -> FirstLook | None:
    return look_at_file(path, stamp_of(path.lstat()), named_as_bundle=path.suffix.lower() == ".zip")


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


def test_a_whole_bundle_is_recognised_by_content_whatever_its_name(tmp_path: Path) -> None:
    for name in ("a.zip", "a.bin", "a"):
        (tmp_path / name).write_bytes(BUNDLE)
        assert look_at(tmp_path / name) == FirstLook(Likeness.WHOLE)


def test_every_beginning_of_a_bundle_is_partial_and_never_refused_or_foreign(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for length in range(len(SMALL)):
        path.write_bytes(SMALL[:length])
        result = look_at(path)
        assert result is not None
        assert result.likeness is Likeness.PARTIAL, length
        assert result.reason == "its end is missing: the copy is not complete"


def test_a_preallocated_copy_is_partial_however_much_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for length in (0, 10, 60, len(BUNDLE) // 2, len(BUNDLE) - 20):
        path.write_bytes(BUNDLE[:length].ljust(len(BUNDLE), b"\0"))
        result = look_at(path)
        assert result is not None
        assert result.likeness is Likeness.PARTIAL, length


def test_a_bundle_with_one_damaged_byte_is_never_taken_for_somebody_elses_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for place in range(len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[place] ^= 0x20
        path.write_bytes(damaged)
        result = look_at(path)
        assert result is not None
        assert result.likeness in {Likeness.WHOLE, Likeness.PARTIAL}, place


def test_other_peoples_files_are_foreign(tmp_path: Path) -> None:
    contents = {
        "driver.zip": zip_bytes("setup.exe"),
        "commented.zip": zip_bytes("setup.exe", comment=b"made by hand"),
        "inside.zip": zip_bytes("other.txt", "manifest.json"),
        "half-a-driver.zip": zip_bytes("setup.exe")[:200],
        "notes.txt": b"hello",
        "empty": b"",
        "half-of-a-deb": b"!<arch>\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        result = look_at(tmp_path / name)
        assert result is not None
        assert result.likeness is Likeness.FOREIGN, name


def test_random_bytes_are_judged_without_any_error(tmp_path: Path) -> None:
    generator = random.Random(7)
    path = tmp_path / "a.zip"
    for _ in range(300):
        damaged = bytearray(BUNDLE)
        for _ in range(generator.randrange(1, 30)):
            damaged[-generator.randrange(1, 120)] = generator.randrange(256)
        path.write_bytes(damaged)
        assert look_at(path) is not None


def test_the_end_of_a_zip64_bundle_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("manifest.json"), b"{}")
        for number in range(0x10000):
            archive.writestr(zipfile.ZipInfo(f"blobs/{number:x}"), b"")
    path.write_bytes(buffer.getvalue())
    assert look_at(path) == FirstLook(Likeness.WHOLE)
    path.write_bytes(buffer.getvalue()[:-1])
    result = look_at(path)
    assert result is not None
    assert result.likeness is Likeness.PARTIAL


def test_a_file_that_another_process_has_open_for_writing_is_busy_until_it_closes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(BUNDLE)
    with subprocess.Popen(
        ["sh", "-c", 'exec 3<>"$0"; echo open; read line', str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        assert look_at(path) == FirstLook(Likeness.WHOLE, "another program still has it open for writing", busy=True)
        writer.communicate(b"\n")
    assert look_at(path) == FirstLook(Likeness.WHOLE)


def test_a_reader_does_not_make_a_file_busy_and_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(BUNDLE)
    with path.open("rb"):
        assert look_at(path) == FirstLook(Likeness.WHOLE)
    with path.open("ab") as file:
        file.write(b"")


def test_a_file_with_a_second_name_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(BUNDLE)
    (tmp_path / "b.zip").hardlink_to(path)
    assert look_at(path) == FirstLook(Likeness.WHOLE, "it has 2 names", busy=True)


def test_what_is_no_longer_the_listed_file_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(BUNDLE)
    listed = stamp_of(path.lstat())
    path.unlink()
    assert look_at_file(path, listed, named_as_bundle=True) is None
    os.mkfifo(path)
    assert look_at_file(path, listed, named_as_bundle=True) is None
    path.unlink()
    (tmp_path / "other.zip").write_bytes(BUNDLE)
    path.symlink_to(tmp_path / "other.zip")
    assert look_at_file(path, listed, named_as_bundle=True) is None
    path.unlink()
    shutil.copy(tmp_path / "other.zip", path)
    assert look_at_file(path, listed, named_as_bundle=True) is None


def test_a_claim_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(BUNDLE)
    assert read_claimed_version(path, stamp_of(path.lstat())) is None
    assert read_claimed_version(tmp_path / "none.zip", stamp_of(path.lstat())) is None


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
    assert seen(tmp_path) == []


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
