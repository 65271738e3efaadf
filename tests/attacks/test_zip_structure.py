"""Every row of the list of attacks on zip importers: a good container, one thing changed, the exact refusal.

``number`` is the row's number in the list the format was designed against; rows that are more than
one file have a letter. The clause that each rule comes from stands at the rule in the code.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import manifests.container
from manifests.container import read_directory
from manifests.errors import MalformedError
from tests.support.zip_forge import Entry, Forge, good, raw_deflate, read_all

Change = Callable[[Forge], Forge | bytes | None]


@dataclass(frozen=True)
class Attack:
    number: str
    what: str
    code: str
    change: Change


def named(name: bytes) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1].name = name

    return change


def mode(bits: int) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1].central["external"] = bits << 16

    return change


def central(**lies: object) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1].central.update(lies)

    return change


def local(**lies: object) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1].local.update(lies)

    return change


def both(**lies: object) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1].both(**lies)

    return change


def end(**lies: object) -> Change:
    def change(forge: Forge) -> None:
        forge.end.update(lies)

    return change


def add(*entries: Entry) -> Change:
    def change(forge: Forge) -> None:
        forge.entries.extend(entries)

    return change


def link_then_file(forge: Forge) -> None:
    link = Entry(b"lib", b"/etc", central={"external": 0o120777 << 16})
    forge.entries += [link, Entry(b"lib/passwd", b"root::0:0")]


def full_overlap(forge: Forge) -> None:
    """Two central records for one member, the way of the first zip bombs of this kind."""
    start = sum(len(entry.local_header() + entry.stored) for entry in forge.entries[:2])
    content = forge.entries[2].content
    forge.entries.append(Entry(b"again.md", content, deflated=True, absent=True, central={"offset": start}))


def quoted_overlap(_forge: Forge) -> bytes:
    """Fifield's construction: each member's stream quotes the next one's header, and all share one kernel."""
    content = b"\0" * 500_000
    data = raw_deflate(content)
    members: list[Entry] = []
    for name in (b"c", b"b", b"a"):
        entry = Entry(name, content, deflated=True, data=data)
        members.insert(0, entry)
        header = entry.local_header()
        data = b"\0" + struct.pack("<2H", len(header), len(header) ^ 0xFFFF) + header + data
        content = header + content
    body = members[0].local_header() + members[0].stored
    offsets = [0]
    for entry in members[:-1]:
        offsets.append(offsets[-1] + len(entry.local_header()) + 5)
    directory = b"".join(entry.central_record(offset) for entry, offset in zip(members, offsets, strict=True))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 3, 3, len(directory), len(body), 0)
    return body + directory + tail


def local_name(forge: Forge) -> None:
    forge.entries[1].local_name = b"blobs/xyz"


def hidden_in_the_middle(forge: Forge) -> None:
    forge.entries.insert(1, Entry(b"hidden", b"you did not see me", hidden=True))


def hidden_at_the_end(forge: Forge) -> None:
    forge.entries.append(Entry(b"hidden", b"you did not see me", hidden=True))


def gap_between(forge: Forge) -> None:
    forge.entries[1].gap = b"\0"


def gap_before_the_directory(forge: Forge) -> None:
    forge.before_directory = b"\0\0\0\0"


def directory_moved(forge: Forge) -> None:
    length = sum(len(entry.central_record(0)) for entry in forge.entries)
    offset = sum(len(entry.local_header() + entry.stored) for entry in forge.entries)
    forge.end.update(directory_offset=offset - 10, directory_length=length + 10)


def script_in_front(forge: Forge) -> None:
    forge.prefix = b"#!/bin/sh\nexit 0\n"


def polyglot(forge: Forge) -> None:
    forge.prefix = b"GIF89a" + bytes(60)
    forge.adjusted = True


def zip_in_front(forge: Forge) -> None:
    forge.prefix = good().build()
    forge.adjusted = True


def end_record_in_the_comment(forge: Forge) -> bytes:
    whole = forge.build()
    forge.comment = whole[-22:]
    return forge.build()


def comment_is_a_zip(forge: Forge) -> None:
    forge.comment = good().build()


def descriptor(*, lying: bool) -> Change:
    def change(forge: Forge) -> None:
        entry = forge.entries[1]
        crc, length = zlib.crc32(entry.content), len(entry.content)
        entry.both(flags=8)
        entry.local.update(crc=0, stored_length=0, length=0)
        forge.entries[2].gap = struct.pack("<4s3I", b"PK\x07\x08", crc ^ lying, length - lying, length)

    return change


def central_extra(extra: bytes) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1].central_extra = extra

    return change


def local_extra(extra: bytes) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1].local_extra = extra

    return change


def unicode_path(forge: Forge) -> None:
    entry = forge.entries[1]
    extra = struct.pack("<2HBI", 0x7075, 5 + 8, 1, zlib.crc32(entry.name)) + b"evil.exe"
    entry.central_extra = entry.local_extra = extra


def deflated(content: bytes, data: bytes, **lies: object) -> Change:
    def change(forge: Forge) -> None:
        forge.entries[1] = Entry(b"blobs/abc", content, deflated=True, data=data)
        forge.entries[1].both(**lies)

    return change


def zip64_records(forge: Forge) -> None:
    forge.zip64_end, forge.zip64_locator = {}, {}


def zip64_names_another_directory(forge: Forge) -> None:
    zip64_records(forge)
    forge.zip64_end = {"directory_offset": 0}


def zip64_saturated_and_elsewhere(forge: Forge) -> None:
    zip64_names_another_directory(forge)
    forge.end.update(directory_offset=0xFFFFFFFF)


def zip64_saturated_needlessly(forge: Forge) -> None:
    zip64_records(forge)
    forge.end.update(directory_offset=0xFFFFFFFF)


def zip64_locator_lies(forge: Forge) -> None:
    zip64_saturated_needlessly(forge)
    forge.zip64_locator = {"offset": 0}


def zip64_extra_needless(forge: Forge) -> None:
    entry = forge.entries[1]
    entry.central["length"] = entry.central["stored_length"] = 0xFFFFFFFF
    entry.central_extra = struct.pack("<2H2Q", 1, 16, len(entry.content), len(entry.content))


def deflated_and_huge(forge: Forge) -> None:
    entry = forge.entries[2]
    entry.both(length=0xFFFFFFFF, stored_length=0xFFFFFFFF, version=45)
    entry.central_extra = entry.local_extra = struct.pack("<2H2Q", 1, 16, 2**32, 2**32)


def reversed_directory(forge: Forge) -> None:
    forge.order = [2, 1, 0]


def cut(count: int) -> Change:
    return lambda forge: forge.build()[:-count]


def tar(_forge: Forge) -> bytes:
    header = b"manifest.json".ljust(100, b"\0") + b"0000644\0" * 3 + b"00000000022\0" + b"0" * 12
    return (header.ljust(257, b"\0") + b"ustar\0" + b"00").ljust(512, b"\0") + bytes(9728)


TEXT = bytes(range(32, 127)) * 20
BOMB = b"\0" * (4 * 1024 * 1024)
ATTACKS = [
    Attack("1", "a name that climbs out", "zip.name-part", named(b"../../etc/passwd")),
    Attack("2", "an absolute name", "zip.name-absolute", named(b"/etc/passwd")),
    Attack("3", "backslashes", "zip.name-characters", named(b"..\\..\\evil.dll")),
    Attack("4", "a drive letter", "zip.name-characters", named(b"C:/Windows/evil.dll")),
    Attack("5", "a name that climbs out in its middle", "zip.name-part", named(b"a/../../b")),
    Attack("6", "a part that is a dot", "zip.name-part", named(b"./a")),
    Attack("7", "a part that is empty", "zip.name-part", named(b"a//b")),
    Attack("8", "a symbolic link", "zip.symlink", mode(0o120777)),
    Attack("9", "a character device", "zip.file-type", mode(0o020644)),
    Attack("9b", "a named pipe", "zip.file-type", mode(0o010644)),
    Attack("9c", "a directory by its mode", "zip.file-type", mode(0o040755)),
    Attack("9d", "no type at all", "zip.file-type", mode(0)),
    Attack("10", "a setuid program", "zip.file-mode", mode(0o104755)),
    Attack("10b", "DOS attributes: hidden, system", "zip.file-mode", central(external=0o100644 << 16 | 6)),
    Attack("11", "a link, then a file through it", "zip.symlink", link_then_file),
    Attack("12", "a name twice", "zip.duplicate-name", add(Entry(b"notes.md", b"other notes"))),
    Attack("13", "names that differ in case alone", "zip.case-collision", add(Entry(b"NOTES.md", b"other"))),
    Attack("14", "a name in composed Unicode", "zip.name-characters", named("blobs/é".encode())),
    Attack("14b", "a name in decomposed Unicode", "zip.name-characters", named("blobs/e\u0301".encode())),
    Attack("15", "a file that is a directory", "zip.file-and-directory", add(Entry(b"notes.md/x", b""))),
    Attack("15b", "a directory that is a file", "zip.file-and-directory", add(Entry(b"blobs", b""))),
    Attack("16", "two records for one member", "zip.overlap", full_overlap),
    Attack("17", "members that quote each other (CVE-2024-0450)", "zip.overlap", quoted_overlap),
    Attack("18", "the header has another name", "zip.local-name", local_name),
    Attack("19", "the header has another stored length", "zip.local-stored-length", local(stored_length=1)),
    Attack("20", "the header has another method", "zip.local-method", local(method=8)),
    Attack("21", "the header has another CRC", "zip.local-crc", local(crc=1)),
    Attack("22", "the header has another length", "zip.local-length", local(length=1)),
    Attack("23", "a member without a record, between others", "zip.gap", hidden_in_the_middle),
    Attack("23b", "a member without a record, behind all", "zip.gap", hidden_at_the_end),
    Attack("24", "a byte between members", "zip.gap", gap_between),
    Attack("24b", "bytes before the directory", "zip.gap", gap_before_the_directory),
    Attack("25", "a count too low", "zip.count", end(count=2, disk_count=2)),
    Attack("25b", "a count too low for the disk alone", "zip.count", end(disk_count=2)),
    Attack("26", "a count too high", "zip.count", end(count=4, disk_count=4)),
    Attack("27", "a directory offset that lies", "zip.directory-end", end(directory_offset=0)),
    Attack("27b", "a directory that begins earlier", "zip.central-signature", directory_moved),
    Attack("27c", "a directory length that lies", "zip.directory-end", end(directory_length=46)),
    Attack("28", "a self-extractor in front", "zip.prefix", script_in_front),
    Attack("29", "a picture that is a zip", "zip.prefix", polyglot),
    Attack("29b", "a zip in front, offsets in order", "zip.gap", zip_in_front),
    Attack("30", "a trailing byte", "zip.end", lambda forge: forge.build() + b"\0"),
    Attack("31", "an archive comment", "zip.end", lambda forge: setattr(forge, "comment", b"hello")),
    Attack("32", "an end record in the comment", "zip.directory-end", end_record_in_the_comment),
    Attack("32b", "a whole zip in the comment", "zip.directory-end", comment_is_a_zip),
    Attack("33", "two zips, one behind the other", "zip.directory-end", lambda forge: forge.build() * 2),
    Attack("34", "a comment that is not there", "zip.comment", end(comment_length=9)),
    Attack(
        "35", "a comment of a member", "zip.member-comment", lambda forge: setattr(forge.entries[1], "comment", b"!")
    ),
    Attack("36", "the flag of encryption", "zip.encrypted", both(flags=1)),
    Attack("36b", "the flags of strong encryption", "zip.encrypted", both(flags=0x40)),
    Attack("37", "the flag of masked headers", "zip.encrypted", both(flags=0x2000)),
    Attack("38", "a data descriptor", "zip.data-descriptor", descriptor(lying=False)),
    Attack("39", "a data descriptor that lies", "zip.data-descriptor", descriptor(lying=True)),
    Attack("39b", "the flag of UTF-8 names", "zip.flags", both(flags=0x800)),
    Attack("39c", "a flag in the header alone", "zip.local-flags", local(flags=0x800)),
    Attack("40", "a NUL in a name", "zip.name-characters", named(b"a.txt\0.exe")),
    Attack("41", "a terminal's escape in a name", "zip.name-characters", named(b"a\x1b[2Jb")),
    Attack("42", "a right-to-left override", "zip.name-characters", named("a\u202etxt.exe".encode())),
    Attack("43", "a name that is no UTF-8", "zip.name-characters", named(b"a\xff\xfe")),
    Attack("44", "a name in code page 437", "zip.name-characters", named(b"caf\x82")),
    Attack("45", "another name in Info-ZIP's extra field", "zip.extra", unicode_path),
    Attack("46", "a DOS device", "zip.name-device", named(b"rules/nul.yaml")),
    Attack("46b", "a DOS device with a number", "zip.name-device", named(b"Com1")),
    Attack("47", "a trailing dot", "zip.name-trailing-dot", named(b"notes.txt.")),
    Attack("47b", "a trailing space", "zip.name-characters", named(b"notes.txt ")),
    Attack("48", "an alternate data stream", "zip.name-characters", named(b"a.txt:evil")),
    Attack("49", "a name of 65,535 bytes", "zip.name-length", named(b"a" * 65_535)),
    Attack("50", "a path 3,000 deep", "zip.name-length", named(b"a/" * 3000 + b"b")),
    Attack("50b", "a path 9 deep", "zip.name-depth", named(b"a/" * 8 + b"b")),
    Attack("51", "an empty name", "zip.name-empty", named(b"")),
    Attack("52", "a directory", "zip.name-directory", add(Entry(b"dir/", central={"external": 0o040755 << 16}))),
    Attack("53", "a directory with content", "zip.name-directory", add(Entry(b"dir/", b"payload"))),
    Attack("53b", "CVE-2024-8088: a name of slashes", "zip.name-absolute", named(b"//")),
    Attack("54", "a bomb, 1000 to 1 (CVE-2019-9674)", "zip.ratio", deflated(BOMB, raw_deflate(BOMB))),
    Attack("55", "a length too low", "zip.length", deflated(TEXT, raw_deflate(TEXT), length=len(TEXT) - 1)),
    Attack("55b", "a bomb that claims to be small", "zip.length", deflated(BOMB, raw_deflate(BOMB), length=1000)),
    Attack("56", "a length too high", "zip.length", deflated(TEXT, raw_deflate(TEXT), length=len(TEXT) + 1)),
    Attack("57", "bytes behind the stream", "zip.deflate-trailing", deflated(TEXT, raw_deflate(TEXT) + b"!")),
    Attack("58", "a stream cut short", "zip.deflate-truncated", deflated(TEXT, raw_deflate(TEXT)[:-1])),
    Attack("58b", "a stream of nothing", "zip.deflate-truncated", deflated(b"", b"")),
    Attack("58c", "a stream that is none", "zip.deflate", deflated(TEXT, b"\xff" * 50)),
    Attack("58d", "content with another CRC", "zip.crc", both(crc=1)),
    Attack("59", "an unknown method", "zip.method", both(method=99)),
    Attack("60", "bzip2", "zip.method", both(method=12)),
    Attack("60b", "LZMA", "zip.method", both(method=14)),
    Attack("61", "one of several disks", "zip.multi-disk", end(disk=1)),
    Attack("61b", "a directory on another disk", "zip.multi-disk", end(directory_disk=1)),
    Attack("61c", "a member on another disk", "zip.multi-disk", central(disk=1)),
    Attack("62", "zip64 records without need", "zip.zip64-needless", zip64_records),
    Attack(
        "62b", "zip64 records with a saturated field, without need", "zip.zip64-needless", zip64_saturated_needlessly
    ),
    Attack("63", "another directory by zip64", "zip.zip64-needless", zip64_names_another_directory),
    Attack("63b", "another directory by zip64 alone", "zip.zip64-needless", zip64_saturated_and_elsewhere),
    Attack("64", "a locator that lies (CVE-2025-8291)", "zip.zip64-locator", zip64_locator_lies),
    Attack("64b", "a saturated end without zip64", "zip.zip64-missing", end(directory_offset=0xFFFFFFFF)),
    Attack("65", "a zip64 field too large", "zip.extra", central_extra(struct.pack("<2H4Q", 1, 32, 1, 2, 3, 4))),
    Attack("65b", "a zip64 field without need", "zip.zip64-needless", zip64_extra_needless),
    Attack("65c", "a saturated length without its field", "zip.zip64-extra", central(length=0xFFFFFFFF)),
    Attack("66", "an unknown extra field", "zip.extra", central_extra(b"UT\x05\0\x03abcd")),
    Attack("66b", "an extra field in the header alone", "zip.local-extra", local_extra(b"UT\x05\0\x03abcd")),
    Attack("67", "an extra field of three bytes", "zip.extra", central_extra(b"\x01\0\0")),
    Attack("68", "a directory in another order", "zip.gap", reversed_directory),
    Attack("69", "the last byte missing", "zip.end", cut(1)),
    Attack("69b", "the end record missing", "zip.end", cut(22)),
    Attack("70", "an empty file", "zip.empty", lambda _: b""),
    Attack("70b", "a zip without members", "zip.no-members", lambda _: Forge([]).build()),
    Attack("71", "not a zip", "zip.not-a-zip", lambda _: b"%PDF-1.7\n" * 100),
    Attack("71b", "not a zip, and short", "zip.not-a-zip", lambda _: b"PK"),
    Attack("72", "a tar", "zip.not-a-zip", tar),
    # Not in the list: fields that no attack has used yet.
    Attack("76", "made by DOS", "zip.made-by", central(made_by=45)),
    Attack("77", "another version needed", "zip.version", both(version=63)),
    Attack("78", "another version in the header", "zip.local-version", local(version=10)),
    Attack("79", "a date", "zip.time", both(date=0x5A21)),
    Attack("80", "a time of day", "zip.time", both(time=1)),
    Attack("81", "a time in the header alone", "zip.local-time", local(time=1)),
    Attack("82", "a date in the header alone", "zip.local-date", local(date=34)),
    Attack("83", "the text attribute", "zip.internal-attributes", central(internal=1)),
    Attack("84", "no local header at all", "zip.local-signature", local(signature=b"PK\x07\x08")),
    Attack("85", "two lengths of a stored member", "zip.stored-length", both(length=255)),
    Attack("86", "a member that runs into the directory", "zip.overlap", both(length=9999, stored_length=9999)),
    Attack("87", "an extra field that is not there", "zip.extra", central(extra_length=3)),
    Attack("90", "a deflated member of 4 GiB", "zip.deflate-length", deflated_and_huge),
    Attack("88", "a record longer than the directory", "zip.directory-truncated", central(name_length=60_000)),
    Attack(
        "89",
        "a signature behind the directory",
        "zip.directory-end",
        lambda f: setattr(f, "after_directory", b"PK\5\5"),
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.number}: {attack.what}")
def test_an_attack_on_the_container_is_refused_with_its_own_reason(attack: Attack):
    forge = good()
    assert list(read_all(forge.build())) == ["manifest.json", "blobs/abc", "notes.md"]

    changed = attack.change(forge)
    data = changed if isinstance(changed, bytes) else forge.build()

    with pytest.raises(MalformedError) as refusal:
        read_all(data)
    assert refusal.value.code == attack.code
    assert refusal.value.exit_code == 21


def test_every_row_of_the_list_has_a_test():
    numbers = {int("".join(filter(str.isdigit, attack.number))) for attack in ATTACKS}
    assert set(range(1, 73)) <= numbers


def test_every_reason_of_the_container_has_an_attack():
    source = Path(manifests.container.__file__).parent
    text = "".join(path.read_text("utf-8") for path in source.glob("*.py"))
    reasons = set(re.findall(r'"(zip\.[a-z0-9-]+)"', text))
    reasons |= {f"zip.local-{field}" for field in re.findall(r'\("([a-z-]+)", "4\.[34]\.', text)}
    reasons |= {"zip.local-extra", "zip.local-name"}
    elsewhere = {"zip.too-many-members", "zip.truncated", "zip.zip64-end"}  # they need limits, time or much zip64
    assert reasons - {attack.code for attack in ATTACKS} == elsewhere


def test_a_container_within_a_container_is_content():
    inner = good().build()
    assert read_all(Forge([Entry(b"inner.zip", inner)]).build()) == {"inner.zip": inner}


def test_sixty_thousand_empty_members_are_fine():
    data = Forge([Entry(b"empty/%d" % number) for number in range(60_000)]).build()
    assert len(read_directory(io.BytesIO(data))) == 60_000


@pytest.fixture(scope="module")
def many() -> bytes:
    """A good container with so many members that its end needs zip64."""
    data = Forge([Entry(b"m/%d" % number) for number in range(65_535)]).build()
    assert len(read_directory(io.BytesIO(data))) == 65_535
    return data


@pytest.mark.parametrize(
    ("place", "old", "new", "code"),
    [
        (-98, b"PK\x06\x06", b"PK\x06\x05", "zip.zip64-missing"),
        (-94, b"\x2c", b"\x2d", "zip.zip64-end"),  # size of the record
        (-86, b"\x2d\x03", b"\x3f\x03", "zip.zip64-end"),  # made by
        (-84, b"\x2d", b"\x3f", "zip.zip64-end"),  # version needed
        (-82, b"\0", b"\1", "zip.multi-disk"),
        (-78, b"\0", b"\1", "zip.multi-disk"),
        (-74, b"\xff\xff", b"\xfe\xff", "zip.count"),
        (-66, b"\xff\xff\0", b"\0\0\1", "zip.count"),
        (-42, b"PK\x06\x07", b"PK\x06\x08", "zip.zip64-missing"),
        (-38, b"\0", b"\1", "zip.multi-disk"),
        (-26, b"\1", b"\2", "zip.multi-disk"),
        (-14, b"\xff\xff\xff\xff", b"\1\0\1\0", "zip.zip64-needless"),
    ],
)
def test_a_change_in_the_zip64_records_is_refused(many: bytes, place: int, old: bytes, new: bytes, code: str):
    place += len(many)
    assert many[place : place + len(old)] == old
    changed = many[:place] + new + many[place + len(new) :]
    with pytest.raises(MalformedError) as refusal:
        read_directory(io.BytesIO(changed))
    assert refusal.value.code == code


@pytest.mark.parametrize("delta", [-1, 1])
@pytest.mark.parametrize(
    ("place", "code"), [(-58, "zip.zip64-end"), (-50, "zip.zip64-end"), (-34, "zip.zip64-locator")]
)
def test_a_zip64_record_that_points_beside_its_directory_is_refused(many: bytes, place: int, code: str, delta: int):
    place += len(many)
    value = struct.unpack_from("<Q", many, place)[0] + delta
    changed = many[:place] + struct.pack("<Q", value) + many[place + 8 :]
    with pytest.raises(MalformedError) as refusal:
        read_directory(io.BytesIO(changed))
    assert refusal.value.code == code
