"""Hostile rule packs: accept the good one, change one thing, see the exact refusal and nothing on the disk."""

from __future__ import annotations

import io
import os
import random
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from py7zr import FILTER_COPY, FILTER_CRYPTO_AES256_SHA256, FILTER_LZMA2

from manifests.archives import rulepack
from manifests.archives.archive import open_archive
from manifests.archives.base import DEFAULT_ARCHIVE_LIMITS
from manifests.errors import MalformedError
from tests.support import archive_bombs
from tests.support.rule_packs import members, pack_7z, pack_zip, renamed_7z, sealed_7z

MIB = 1024 * 1024
SMALL = replace(DEFAULT_ARCHIVE_LIMITS, ratio_floor_bytes=MIB)


@pytest.fixture(autouse=True)
def _nothing_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent / "evil").exists()


def refusal(data: bytes, limits: object = DEFAULT_ARCHIVE_LIMITS) -> str:
    with pytest.raises(MalformedError) as caught:
        rulepack.read_rule_pack(io.BytesIO(data), limits)  # type: ignore[arg-type]
    return caught.value.code


def test_the_good_ones_are_read() -> None:
    for data in (pack_7z(members()), pack_zip(members()), pack_zip(members(), zipfile.ZIP_STORED)):
        pack = rulepack.read_rule_pack(io.BytesIO(data))
        assert pack is not None
        assert len(pack.rules) == 4


NAMES = [
    ("../evil", "archive.traversal"),
    ("a/../../evil", "archive.traversal"),
    ("..\\evil", "archive.traversal"),
    ("a/..", "archive.traversal"),
    ("../../../WebUI/WebApp/east.aspx", "archive.traversal"),
    ("/tmp/evil", "archive.absolute"),
    ("//host/share", "archive.absolute"),
    ("C:/evil", "archive.absolute"),
    ("c:evil", "archive.absolute"),
    ("a//b", "archive.name"),
    ("./a", "archive.name"),
    ("a/./b", "archive.name"),
    ("ab:stream", "archive.name"),
    ("a\x1b[2Jb", "archive.name"),
    ("a\nb", "archive.name"),
    ("a\u202etxt.exe", "archive.name"),
    ("e\u0301", "archive.name"),
    ("x" * 256, "archive.name"),
    ("/".join("abcdefghijklmnopq"), "archive.name"),
]


@pytest.mark.parametrize(("name", "code"), NAMES)
def test_a_zip_with_a_bad_name_is_refused(name: str, code: str) -> None:
    assert refusal(pack_zip(members() | {name: b"evil"})) == code


@pytest.mark.parametrize(("name", "code"), NAMES)
def test_a_7z_with_a_bad_name_is_refused(name: str, code: str) -> None:
    sound = pack_7z(members() | {"n" * len(name): b"evil"}, plain_header=True)
    assert rulepack_is_unlisted(sound, "n" * len(name))
    assert refusal(renamed_7z(sound, "n" * len(name), name)) == code


def rulepack_is_unlisted(data: bytes, name: str) -> bool:
    """The archive is sound: it is refused for the extra file only, or for its name's length."""
    return refusal(data) in {"rulepack.unlisted-file"} or len(name) > 255


@pytest.mark.parametrize("name", ["a\\b", "\\\\host\\share", "C:\\evil"])
def test_a_backslash_in_a_zip_is_never_a_separator(name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name
    assert refusal(pack_zip([*members().items(), (info, b"evil")])) in {"archive.name", "archive.absolute"}


def test_a_name_hidden_behind_a_nul_is_refused() -> None:
    data = pack_zip(members() | {"good.txtZ/evil": b"x"}).replace(b"good.txtZ/evil", b"good.txt\0/evil")
    assert refusal(data) == "archive.name"


@pytest.mark.parametrize("mode", [0o120777, 0o060644, 0o010644, 0o140755])
def test_links_and_special_files_in_a_zip_are_refused(mode: int) -> None:
    info = zipfile.ZipInfo("odd")
    info.create_system = 3
    info.external_attr = mode << 16
    code = refusal(pack_zip([*members().items(), (info, b"/etc/passwd")]))
    assert code == ("archive.link" if mode == 0o120777 else "archive.special")


def test_links_in_a_7z_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    from py7zr import SevenZipFile

    elsewhere = tmp_path_factory.mktemp("links")
    (elsewhere / "link").symlink_to("/etc/passwd")
    buffer = io.BytesIO()
    with SevenZipFile(buffer, "w") as archive:
        archive.write(elsewhere / "link", "link")
    assert refusal(buffer.getvalue()) == "archive.link"


def test_special_files_in_a_7z_are_refused() -> None:
    data = pack_7z({"a": b"x"}, plain_header=True)
    regular, fifo = struct.pack("<I", 0o100600 << 16 | 0x8020), struct.pack("<I", 0o010600 << 16 | 0x8020)
    assert data.count(regular) == 1
    assert refusal(sealed_7z(data.replace(regular, fifo))) == "archive.special"


@pytest.mark.parametrize(
    ("one", "other"), [("a", "a"), ("a", "A"), ("stra\u00dfe", "STRASSE"), ("d/a", "d"), ("d/", "d")]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_for_one_place_in_a_zip_are_refused(one: str, other: str) -> None:
    assert refusal(pack_zip([(one, b"" if one.endswith("/") else b"1"), (other, b"2")])) == "archive.duplicate"


def test_two_entries_of_one_name_in_a_7z_are_refused() -> None:
    assert (
        refusal(renamed_7z(pack_7z({"aaaa": b"1", "bbbb": b"2"}, plain_header=True), "bbbb", "aaaa"))
        == "archive.duplicate"
    )


@pytest.mark.parametrize("kind", ["7z", "zip"])
def test_a_bomb_is_refused_by_what_it_declares_before_a_byte_is_inflated(kind: str) -> None:
    data = (pack_7z if kind == "7z" else pack_zip)({"zeros": bytes(8 * MIB), "more": bytes(8 * MIB)})
    assert len(data) < 20_000
    assert refusal(data, SMALL) == "archive.bomb"


def test_one_file_above_the_ceiling_is_refused() -> None:
    assert (
        refusal(pack_zip({"a": os.urandom(2000)}), replace(DEFAULT_ARCHIVE_LIMITS, entry_bytes=1999)) == "archive.bomb"
    )


def test_files_that_are_too_large_together_are_refused() -> None:
    data = pack_7z({"a": os.urandom(1000), "b": os.urandom(1000)})
    assert refusal(data, replace(DEFAULT_ARCHIVE_LIMITS, total_bytes=1999)) == "archive.bomb"


def test_a_zip_that_declares_less_than_it_inflates_to_gives_no_byte_more() -> None:
    data = bytearray(pack_zip({"a": bytes(8 * MIB)}))
    central = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, central + 24, 100)
    struct.pack_into("<I", data, 22, 100)
    archive = open_archive(io.BytesIO(bytes(data)))
    assert archive is not None
    tracemalloc.start()
    with pytest.raises(MalformedError) as caught:
        archive.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "archive.damaged"
    assert peak < 4 * MIB


def test_entries_that_share_bytes_are_refused() -> None:
    data = bytearray(pack_zip({"a": bytes(MIB), "b": bytes(MIB)}))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)
    assert refusal(bytes(data)) == "archive.damaged"


def test_a_decoder_that_wants_gigabytes_is_refused() -> None:
    data = pack_7z({"a": os.urandom(100)}, plain_header=True, filters=[{"id": FILTER_LZMA2, "preset": 1}])
    position = data.index(b"\x21\x21\x01", 32) + 3
    huge = data[:position] + b"\x28" + data[position + 1 :]
    assert refusal(sealed_7z(huge)) == "archive.bomb"


@pytest.mark.parametrize("kind", ["7z", "zip"])
def test_too_many_entries_are_refused(kind: str) -> None:
    data = (pack_7z if kind == "7z" else pack_zip)({f"f{number}": b"x" for number in range(60)})
    assert refusal(data, replace(DEFAULT_ARCHIVE_LIMITS, entries=59)) == "archive.count"


@pytest.mark.parametrize("name", archive_bombs.SEVEN_ZIPS)
def test_a_7z_that_lists_without_end_is_counted_before_it_is_built_up(name: str) -> None:
    """Three kilobytes cost four gigabytes and minutes: now no more than the unpacked header, sixteen million bytes."""
    data, code = archive_bombs.SEVEN_ZIPS[name]
    before = time.process_time()
    tracemalloc.start()
    try:
        assert refusal(data) == code
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80 * MIB
    assert time.process_time() - before < 20


def test_as_many_files_as_a_pack_may_have_are_still_listed() -> None:
    limits = replace(DEFAULT_ARCHIVE_LIMITS, entries=60)
    sound = pack_7z({f"{n}.xml": b"<a/>" for n in range(60)})
    found = open_archive(io.BytesIO(sound), limits)
    assert found is not None
    assert len(found.files) == 60


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (archive_bombs.zip_directory(50_001), "archive.count"),
        (archive_bombs.zip_directory(300_000), "archive.count"),
        (archive_bombs.zip_directory(300_000, declared=1), "archive.count"),
        (archive_bombs.zip_directory(400_000), "archive.bomb"),
    ],
)
def test_a_zip_that_lists_without_end_is_counted_before_it_is_built_up(data: bytes, code: str) -> None:
    tracemalloc.start()
    try:
        assert refusal(data) == code
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * MIB


def test_an_archive_above_the_ceiling_is_not_opened() -> None:
    assert refusal(pack_zip(members()), replace(DEFAULT_ARCHIVE_LIMITS, packed_bytes=100)) == "archive.too-large"


@pytest.mark.parametrize("missing", [1, 20, 200])
@pytest.mark.parametrize("kind", ["7z", "zip"])
def test_a_truncated_archive_is_called_truncated(kind: str, missing: int) -> None:
    data = (pack_7z if kind == "7z" else pack_zip)(members())
    code = refusal(data[:-missing])
    assert code == "archive.truncated" or (kind == "zip" and missing < 22 and code == "archive.damaged")


def test_an_archive_of_a_few_bytes_is_refused() -> None:
    assert refusal(b"7z\xbc\xaf\x27\x1c\x00\x04") == "archive.truncated"
    assert refusal(b"PK\x03\x04") == "archive.truncated"


@pytest.mark.parametrize("header", [False, True])
def test_an_encrypted_7z_is_refused(header: bool) -> None:
    filters = [{"id": FILTER_COPY}, {"id": FILTER_CRYPTO_AES256_SHA256}]
    data = pack_7z(members(), password="secret", filters=filters, header_encryption=header)
    assert refusal(data) == "archive.encrypted"


@pytest.mark.parametrize("flag", [0x1, 0x41, 0x2000])
def test_an_encrypted_zip_is_refused(flag: int) -> None:
    data = bytearray(pack_zip({"a": b"x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", data, data.index(signature) + offset, flag)
    assert refusal(bytes(data)) == "archive.encrypted"


def test_a_zip_with_an_unusual_method_is_refused() -> None:
    assert refusal(pack_zip(members(), zipfile.ZIP_LZMA)) == "archive.method"


@pytest.mark.parametrize("kind", ["7z", "zip"])
def test_another_byte_in_a_file_is_noticed(kind: str) -> None:
    data = bytearray(
        pack_7z({"a": b"content" * 100}, filters=[{"id": FILTER_COPY}])
        if kind == "7z"
        else pack_zip({"a": b"content" * 100}, 0)
    )
    data[data.index(b"content") + 3] ^= 1
    archive = open_archive(io.BytesIO(bytes(data)))
    assert archive is not None
    with pytest.raises(MalformedError) as caught:
        archive.read()
    assert caught.value.code == "archive.damaged"


def test_a_vendors_pack_that_is_a_hostile_archive_is_refused_too() -> None:
    assert refusal(pack_zip({"../evil": b"x"})) == "archive.traversal"


def read_or_refused(data: bytes, sound: rulepack.RulePack | None) -> bool:
    """Return whether a changed pack is refused, by one of our codes; else it reads as before or as a vendor's."""
    found, code = sound, "none"
    try:
        found = rulepack.read_rule_pack(io.BytesIO(data))
    except MalformedError as error:
        code = error.code
    assert code.startswith(("archive.", "json.", "rulepack.", "none"))
    assert found in (sound, None)
    return code != "none"


def mutate(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        position = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[position] ^= 1 << chance.randrange(8)
            case 1:
                changed[position] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del changed[position : position + chance.randint(1, 8)]
            case _:
                changed[position:position] = chance.randbytes(chance.randint(1, 8))
    return bytes(changed)


@pytest.mark.parametrize("rounds", [300, pytest.param(20_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["7z", "7z-plain", "zip"])
def test_a_mutated_pack_reads_as_before_or_is_refused_by_name_and_nothing_else_happens(kind: str, rounds: int) -> None:
    data = pack_zip(members()) if kind == "zip" else pack_7z(members(), plain_header=kind == "7z-plain")
    sound = rulepack.read_rule_pack(io.BytesIO(data))
    chance = random.Random(f"{kind} {rounds}")
    refused = 0
    for _ in range(rounds):
        refused += read_or_refused(mutate(data, chance), sound)
    assert refused > rounds // 3


def test_a_7z_whose_checksums_are_right_and_whose_header_is_noise_is_refused_by_name() -> None:
    data = pack_7z(members(), plain_header=True)
    offset, size = struct.unpack_from("<QQ", data, 12)
    sound = rulepack.read_rule_pack(io.BytesIO(data))
    chance = random.Random("header noise")
    for _ in range(600):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 2)):
            changed[32 + offset + chance.randrange(size)] = chance.randrange(256)
        read_or_refused(sealed_7z(bytes(changed)), sound)
