"""What a first look says of real files."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import zipfile
from pathlib import Path

from relay.inbox.listing import stamp_of
from relay.inbox.look import look_at_file, read_claimed_version
from relay.inbox.readiness import FirstLook, Likeness
from tests.support.inbox_files import BUNDLE, SMALL, zip_bytes


def look_at(path: Path) -> FirstLook | None:
    return look_at_file(path, stamp_of(path.lstat()), named_as_bundle=path.suffix.lower() == ".zip")


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
