"""What the writer writes: one layout, which independent tools read."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.container import (
    ContainerWriter,
    Member,
    MemberReader,
    read_directory,
)
from manifests.errors import StorageError
from manifests.limits import GIB, MIB
from tests.support.containers import TEXT, add, container, write_sparse
from tests.support.zip_forge import Entry, Forge, raw_deflate, read_all

parts = st.from_regex(r"[a-z0-9_][a-z0-9._+-]{0,12}[a-z0-9_+-]", fullmatch=True).map("x".__add__)


names = st.lists(parts, min_size=1, max_size=8).map("/".join)


contents = st.one_of(st.binary(max_size=3000), st.binary(min_size=1, max_size=9).map(lambda piece: piece * 400))


def foldable(name_list: list[str]) -> bool:
    """Whether no name is another's directory."""
    return not any(one.startswith(other + "/") for one in name_list for other in name_list)


@settings(max_examples=60)
@given(st.lists(names, min_size=1, max_size=12, unique=True).filter(foldable), st.data())
def test_any_members_come_back_in_their_order_with_their_bytes(name_list: list[str], data: st.DataObject):
    file = io.BytesIO()
    writer = ContainerWriter(file)
    expected = {}
    written = []
    for name in name_list:
        content = data.draw(contents)
        written.append(add(writer, name, content, deflated=data.draw(st.booleans())))
        expected[name] = content
    writer.finish()

    assert read_directory(file) == tuple(written)
    assert read_all(file.getvalue()) == expected
    assert list(read_all(file.getvalue())) == name_list
    with zipfile.ZipFile(file) as other:
        assert {info.filename: other.read(info) for info in other.infolist()} == expected


def test_an_independent_writer_of_the_format_gives_the_same_bytes():
    stream = raw_deflate(TEXT)
    file = io.BytesIO()
    writer = ContainerWriter(file)
    writer.add("manifest.json", [b"{}\n"], length=3)
    writer.add("blobs/empty", [], length=0)
    writer.add_deflated("rules", [stream], length=len(TEXT), stored_length=len(stream), crc32=zlib.crc32(TEXT))
    writer.finish()
    forge = Forge([Entry(b"manifest.json", b"{}\n"), Entry(b"blobs/empty"), Entry(b"rules", TEXT, deflated=True)])
    assert file.getvalue() == forge.build()


def test_members_tell_where_they_are():
    file = io.BytesIO(container(("a", b"12345"), ("dir/b", b"xyz")))
    first, second = read_directory(file)
    assert first == Member("a", "stored", 5, 5, zlib.crc32(b"12345"), 0, 31)
    assert second == Member("dir/b", "stored", 3, 3, zlib.crc32(b"xyz"), 36, 71)
    assert second.data_end == 74
    assert file.getvalue()[71:74] == b"xyz"


@pytest.mark.parametrize("length", [0, 4, 6, 100])
@pytest.mark.parametrize("deflated", [False, True])
def test_content_of_another_length_than_promised_is_an_error(length: int, deflated: bool):
    writer = ContainerWriter(io.BytesIO())
    attempts = {
        False: lambda: writer.add("a", [b"12345"], length=length),
        True: lambda: writer.add_deflated("a", [b"12345"], length=50, stored_length=length, crc32=0),
    }
    with pytest.raises(StorageError) as failure:
        attempts[deflated]()
    assert failure.value.code == "storage.changed"


def test_a_container_without_members_is_not_written():
    with pytest.raises(ValueError, match="without members"):
        ContainerWriter(io.BytesIO()).finish()


UNZIP = ("unzip", "-tq")


SEVEN_ZIP = (shutil.which("7z") or "7zz", "t")


def others_accept(path: Path, commands: tuple[tuple[str, ...], ...] = (UNZIP, SEVEN_ZIP)) -> None:
    """Run Python's zipfile over a container, and unzip and 7-Zip: where they are installed, or must be."""
    required = "SEALIFT_REQUIRE_CLIENTS" in os.environ
    for command in ((*words, str(path)) for words in commands if required or shutil.which(words[0])):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "arning" not in done.stdout + done.stderr
    with zipfile.ZipFile(path) as other:
        assert other.testzip() is None


def test_unzip_and_7_zip_and_python_read_it(tmp_path: Path):
    path = tmp_path / "bundle.zip"
    with path.open("wb") as file:
        writer = ContainerWriter(file)
        add(writer, "manifest.json", b"{}\n")
        add(writer, "tuf/1.root.json", b"")
        add(writer, "blobs/text", TEXT, deflated=True)
        add(writer, "blobs/random", random.Random(3).randbytes(3 * MIB))
        writer.finish()
    others_accept(path)


def test_more_than_65535_members_are_read_by_others_through_zip64(tmp_path: Path):
    path = tmp_path / "many.zip"
    with path.open("wb") as file:
        writer = ContainerWriter(file)
        for number in range(66_000):
            writer.add(f"m/{number}", [b"x"], length=1)
        writer.finish()
    with path.open("rb") as file:
        assert len(read_directory(file)) == 66_000
    others_accept(path)


@pytest.mark.parametrize("count", [65_534, 65_535])
def test_zip64_begins_at_65535_members_and_not_before(count: int):
    file = io.BytesIO()
    writer = ContainerWriter(file)
    for number in range(count):
        writer.add(f"{number}", [], length=0)
    writer.finish()
    assert (b"PK\x06\x07" in file.getvalue()[-98:]) == (count >= 65_535)
    assert len(read_directory(file)) == count


def test_a_member_of_four_gibibytes_is_stored_with_zip64_and_found_again(tmp_path: Path):
    path = tmp_path / "large.zip"
    write_sparse(path, 4 * GIB)
    with path.open("rb") as file:
        _, large, last = read_directory(file)
        assert (large.length, large.stored_length, large.data_offset) == (4 * GIB, 4 * GIB, 36 + 30 + 5 + 20)
        assert last.header_offset == large.data_end > 4 * GIB
        assert b"".join(MemberReader(file, last)) == b"last"
        assert len(next(iter(MemberReader(file, large)))) == MIB
    with zipfile.ZipFile(path) as other:
        assert other.read("last") == b"last"
        assert other.getinfo("zeros").file_size == 4 * GIB


@pytest.mark.long
@pytest.mark.parametrize(
    "length",
    [2 * GIB - 1, 2 * GIB, 4 * GIB - 2, 4 * GIB - 1, 4 * GIB, 4 * GIB + 1, 6 * GIB],
    ids=lambda length: f"{length:#x}",
)
def test_members_around_the_great_boundaries_are_whole_for_us_and_others(tmp_path: Path, length: int):
    path = tmp_path / "large.zip"
    write_sparse(path, length)
    with path.open("rb") as file:
        _, large, _ = read_directory(file)
        assert large.length == length
        assert sum(map(len, MemberReader(file, large))) == length
    # Info-ZIP's unzip 6.0 takes a zip64 length of exactly 4 GiB - 1 for one that is still to be looked up.
    others_accept(path, (SEVEN_ZIP,) if length == 4 * GIB - 1 else (UNZIP, SEVEN_ZIP))
