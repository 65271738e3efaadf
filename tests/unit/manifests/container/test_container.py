"""The container: what is written can be read, by us and by others, and nothing else is taken."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import subprocess
import time
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.container import (
    DEFLATE_SEGMENT_BYTES,
    MIN_GAIN_BYTES,
    ContainerWriter,
    Member,
    MemberReader,
    deflate_content,
    deflating_pays,
    read_directory,
)
from manifests.errors import DamagedContainerError, StorageError
from manifests.limits import DEFAULT_LIMITS, GIB, MIB
from tests.support.zip_forge import Entry, Forge, good, raw_deflate, read_all

ZEROS = bytes(MIB)
TEXT = "".join(f"alert tcp any any -> any {port} (sid:{port};)\n" for port in range(20_000)).encode()

parts = st.from_regex(r"[a-z0-9_][a-z0-9._+-]{0,12}[a-z0-9_+-]", fullmatch=True).map("x".__add__)
names = st.lists(parts, min_size=1, max_size=8).map("/".join)
contents = st.one_of(st.binary(max_size=3000), st.binary(min_size=1, max_size=9).map(lambda piece: piece * 400))


class SparseFile(io.FileIO):
    """A file in which a written block of zeros is a hole."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if data is ZEROS:
            self.seek(len(data), os.SEEK_CUR)
            return len(data)
        return super().write(data)


def zeros(length: int) -> Iterator[bytes]:
    for _ in range(length // MIB):
        yield ZEROS
    yield bytes(length % MIB)


def add(writer: ContainerWriter, name: str, content: bytes, *, deflated: bool = False) -> Member:
    if not deflated:
        return writer.add(name, [content[:100], content[100:]], length=len(content))
    stream = io.BytesIO()
    made = deflate_content([content], stream.write)
    return writer.add_deflated(
        name, [stream.getvalue()], length=made.length, stored_length=made.stored_length, crc32=made.crc32
    )


def container(*members: tuple[str, bytes], deflated: bool = False) -> bytes:
    file = io.BytesIO()
    writer = ContainerWriter(file)
    for name, content in members:
        add(writer, name, content, deflated=deflated)
    writer.finish()
    return file.getvalue()


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


# Writing


def test_deflate_gives_lengths_crc_and_digest_of_a_stream_that_zlib_reads():
    stream = io.BytesIO()
    made = deflate_content([TEXT[:1000], b"", TEXT[1000:]], stream.write)
    assert zlib.decompress(stream.getvalue(), -15) == TEXT
    assert (made.length, made.crc32) == (len(TEXT), zlib.crc32(TEXT))
    assert made.stored_length == len(stream.getvalue())
    assert made.stored_sha256 == hashlib.sha256(stream.getvalue()).hexdigest()
    assert deflating_pays(made)


def test_deflate_pays_only_for_a_gain_that_no_reader_takes_for_a_bomb():
    made = deflate_content([TEXT], io.BytesIO().write)
    assert deflating_pays(replace(made, length=8000, stored_length=6999))
    assert not deflating_pays(replace(made, length=8000, stored_length=7000))
    assert not deflating_pays(replace(made, length=0, stored_length=2))
    assert deflating_pays(replace(made, length=200 * MIB, stored_length=MIB))
    assert not deflating_pays(replace(made, length=200 * MIB + 1, stored_length=MIB))
    assert deflating_pays(replace(made, length=MIB, stored_length=2))
    assert not deflating_pays(replace(made, length=4 * GIB - 1, stored_length=GIB))


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


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "zip.name-empty"),
        ("../x", "zip.name-part"),
        ("é", "zip.name-characters"),
        ("con.txt", "zip.name-device"),
        ("a", "zip.duplicate-name"),
        ("A", "zip.case-collision"),
        ("a/b", "zip.file-and-directory"),
    ],
)
def test_a_name_that_no_reader_takes_is_not_written(name: str, code: str):
    writer = ContainerWriter(io.BytesIO())
    writer.add("a", [b""], length=0)
    with pytest.raises(DamagedContainerError) as refusal:
        writer.add(name, [b""], length=0)
    assert refusal.value.code == code


def test_content_of_four_gibibytes_is_never_deflated():
    writer = ContainerWriter(io.BytesIO())
    with pytest.raises(ValueError, match="always stored"):
        writer.add_deflated("a", [], length=2**32 - 1, stored_length=10, crc32=0)


def test_a_container_without_members_is_not_written():
    with pytest.raises(ValueError, match="without members"):
        ContainerWriter(io.BytesIO()).finish()


# Reading


@pytest.mark.parametrize("deflated", [False, True])
def test_content_comes_in_chunks_of_a_mebibyte_at_most(deflated: bool):
    content = TEXT * 4
    assert len(content) > 3 * MIB
    file = io.BytesIO(container(("big", content), deflated=deflated))
    (member,) = read_directory(file)
    reader = MemberReader(file, member)
    chunks = list(reader)
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= MIB
    stored = file.getvalue()[member.data_offset : member.data_end]
    assert reader.stored_sha256 == hashlib.sha256(stored).hexdigest()


def test_several_readers_share_one_file():
    file = io.BytesIO(container(("a", ZEROS * 3), ("b", b"\1" * 3 * MIB)))
    first, second = (MemberReader(file, member) for member in read_directory(file))
    pairs = list(zip(first, second, strict=True))
    assert all(set(left) == {0} and set(right) == {1} for left, right in pairs)


def test_the_digest_is_not_given_before_the_end():
    file = io.BytesIO(container(("a", ZEROS * 3)))
    (member,) = read_directory(file)
    reader = MemberReader(file, member)
    next(iter(reader))
    with pytest.raises(RuntimeError, match="after the last chunk"):
        _ = reader.stored_sha256


def test_the_digest_is_made_only_when_asked_for():
    file = io.BytesIO(container(("a", b"content")))
    (member,) = read_directory(file)
    reader = MemberReader(file, member, digest=False)
    assert b"".join(reader) == b"content"
    with pytest.raises(RuntimeError, match="if it was asked for"):
        _ = reader.stored_sha256


def test_a_member_that_inflates_too_much_is_refused_by_its_reader_too():
    content = bytes(2 * MIB)
    file = io.BytesIO(container(("bomb", content), deflated=True))
    generous = replace(DEFAULT_LIMITS, inflate_ratio=2000)
    (member,) = read_directory(file, generous)
    assert b"".join(MemberReader(file, member, generous)) == content
    for attempt in (lambda: read_directory(file), lambda: list(MemberReader(file, member))):
        with pytest.raises(DamagedContainerError) as refusal:
            attempt()
        assert refusal.value.code == "zip.ratio"


def test_more_members_than_the_limit_are_refused():
    file = io.BytesIO(container(("a", b""), ("b", b""), ("c", b"")))
    assert len(read_directory(file, replace(DEFAULT_LIMITS, members=3))) == 3
    with pytest.raises(DamagedContainerError) as refusal:
        read_directory(file, replace(DEFAULT_LIMITS, members=2))
    assert refusal.value.code == "zip.too-many-members"


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(container(("a", ZEROS * 3)))
    with path.open("rb") as file:
        (member,) = read_directory(file)
        chunks = iter(MemberReader(file, member))
        next(chunks)
        os.truncate(path, MIB + MIB // 2)
        with pytest.raises(DamagedContainerError) as refusal:
            list(chunks)
    assert refusal.value.code == "zip.truncated"


class FailingMedium(io.BytesIO):
    """A stick that is pulled out: every read fails as the kernel lets it fail."""

    def read(self, _size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_medium_that_cannot_be_read_is_a_storage_error():
    data = container(("a", b"content"))
    (member,) = read_directory(io.BytesIO(data))
    for attempt in (
        lambda: read_directory(FailingMedium(data)),
        lambda: list(MemberReader(FailingMedium(data), member)),
    ):
        with pytest.raises(StorageError) as failure:
            attempt()
        assert failure.value.code == "storage.io"


def test_short_reads_are_put_together():
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 7))

    data = good().build()
    assert [member.name for member in read_directory(Slow(data))] == ["manifest.json", "blobs/abc", "notes.md"]


def test_ten_thousand_members_are_checked_quickly():
    data = container(*((f"blobs/{number:064x}", b"x") for number in range(10_000)))
    begun = time.process_time()
    assert len(read_directory(io.BytesIO(data))) == 10_000
    assert time.process_time() - begun < 1.5  # 0.2 on an idle machine


# Damage


def refused(data: bytes) -> str | None:
    """Return the code with which a container is refused, or None."""
    try:
        read_all(data)
    except DamagedContainerError as error:
        return error.code
    return None


SMALL = container(("manifest.json", b"{}\n"), ("blobs/abc", b"some content"), ("tuf/1.root.json", b"[1, 2]\n"))


def test_every_flipped_bit_of_a_stored_container_is_refused():
    spans = [range(member.data_offset, member.data_end) for member in read_directory(io.BytesIO(SMALL))]
    for place in range(len(SMALL)):
        in_payload = any(place in span for span in spans)
        for bit in range(8):
            changed = bytearray(SMALL)
            changed[place] ^= 1 << bit
            code = refused(bytes(changed))
            assert code is not None, (place, bit)
            assert (code == "zip.crc") == in_payload, (place, bit, code)


@pytest.mark.parametrize("change", ["insert", "delete", "cut"])
def test_every_byte_too_many_or_too_few_is_refused(change: str):
    for place in range(len(SMALL)):
        head, tail = SMALL[:place], SMALL[place:]
        variants = {
            "insert": [head + bytes([extra]) + tail for extra in (0, SMALL[place], 255)],
            "delete": [head + tail[1:]],
            "cut": [head],
        }
        for changed in variants[change]:
            assert refused(changed) is not None, place


def test_a_flipped_bit_of_a_deflated_container_is_refused_or_seen_in_the_stored_digest():
    data = container(("rules", TEXT[:3000]), deflated=True)
    (original,) = read_directory(io.BytesIO(data))
    digest = hashlib.sha256(data[original.data_offset : original.data_end]).hexdigest()
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        file = io.BytesIO(bytes(changed))
        try:
            (member,) = read_directory(file)
            reader = MemberReader(file, member)
            content = b"".join(reader)
        except DamagedContainerError:
            continue
        assert content == TEXT[:3000]
        assert reader.stored_sha256 != digest


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a container in one to four places, as a fuzzer does."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(changed) + 1)
        length = rng.choice((1, 1, 2, 4, 8, 30))
        match rng.randrange(5):
            case 0:
                changed[place : place + length] = rng.randbytes(length)
            case 1:
                changed[place:place] = rng.randbytes(length)
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place : place + length] = rng.choice((b"\0", b"\xff")) * length
            case _:
                source = rng.randrange(len(changed) + 1)
                changed[place : place + length] = changed[source : source + length]
    return bytes(changed)


def fuzz(count: int, seed: int) -> int:
    """Return how many mutants were read, with the very bytes of the original, while the others were refused."""
    rng = random.Random(seed)
    originals = [SMALL, good().build()]
    same = 0
    for _ in range(count):
        original = rng.choice(originals)
        mutant = mutate(original, rng)
        if refused(mutant) is None:
            assert mutant == original or read_all(mutant) == read_all(original)
            same += mutant != original
    return same


def test_random_changes_are_refused_and_nothing_else_is_ever_raised():
    assert fuzz(3000, seed=1) <= 3  # padding behind the last DEFLATE block


@pytest.mark.long
def test_many_random_changes_are_refused_and_nothing_else_is_ever_raised():
    assert fuzz(100_000, seed=2) <= 100


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_arbitrary_bytes_are_refused(data: bytes):
    assert refused(data) is not None


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_arbitrary_bytes_between_a_true_beginning_and_a_true_end_are_refused(middle: bytes, stream: bytes):
    assert refused(SMALL[:4] + middle + SMALL[-22:]) is not None
    forged = Forge([Entry(b"a", b"not what the stream gives, ever", deflated=True, data=stream)])
    assert refused(forged.build()) in {
        "zip.deflate",
        "zip.deflate-truncated",
        "zip.deflate-trailing",
        "zip.length",
        "zip.crc",
    }


# Others read it


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


def write_sparse(path: Path, length: int) -> None:
    """Write a member of zeros between two small ones, as holes."""
    with SparseFile(path, "w") as file:
        writer = ContainerWriter(file)  # type: ignore[arg-type]
        writer.add("first", [b"1"], length=1)
        writer.add("zeros", zeros(length), length=length)
        writer.add("last", [b"last"], length=4)
        writer.finish()


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


@pytest.mark.long
@pytest.mark.parametrize("place", [2 * GIB - 1, 2 * GIB, 4 * GIB - 1, 4 * GIB, 4 * GIB + 1000])
def test_a_flipped_bit_beyond_a_great_boundary_is_seen(tmp_path: Path, place: int):
    path = tmp_path / "large.zip"
    write_sparse(path, 5 * GIB)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\1")
    with path.open("rb") as file:
        _, large, _ = read_directory(file)
        with pytest.raises(DamagedContainerError) as refusal:
            for _ in MemberReader(file, large, digest=False):
                pass
    assert refusal.value.code == "zip.crc"


def test_a_large_stream_is_the_same_whoever_makes_it_and_zlib_reads_it():
    content = b"".join(b"%d alert tcp any any -> any any\n" % number for number in range(150_000))
    alone, together = io.BytesIO(), io.BytesIO()
    chunks = [content[start : start + 300_000] for start in range(0, len(content), 300_000)]
    made = deflate_content(chunks, alone.write)
    with ThreadPoolExecutor(3) as pool:
        assert deflate_content(chunks, together.write, pool) == made
    assert together.getvalue() == alone.getvalue()
    assert len(content) > 3 * DEFLATE_SEGMENT_BYTES
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(alone.getvalue()) == content
    assert (inflater.eof, inflater.unused_data) == (True, b"")


def test_what_gains_little_is_stored():
    made = deflate_content([TEXT], io.BytesIO().write)
    assert deflating_pays(replace(made, length=500, stored_length=500 - MIN_GAIN_BYTES))
    assert not deflating_pays(replace(made, length=500, stored_length=501 - MIN_GAIN_BYTES))
