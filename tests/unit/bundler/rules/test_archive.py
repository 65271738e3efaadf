from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.rules import archive
from bundler.rules.rule import MAX_FILE_BYTES
from manifests.errors import MalformedError
from manifests.limits import MIB
from tests.support.content import DATA
from tests.support.rule_archives import read, refusal
from tests.support.rule_packs import pack_zip

SURICATA = b'alert ip any any -> any any (msg:"S"; sid:1;)\n'


YARA = b"rule Y { condition: true }"


SIGMA = b"title: T\nid: t\ndetection:\n  x: y\n"


FILES = {
    "rules/a.rules": SURICATA,
    "b.yar": YARA,
    "c/d.yml": SIGMA,
    "LICENSE": b"free",
    "e.zip": b"PK",
    "f.tar.gz": b"",
}


def tar(files: dict[str, bytes], **special: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as out:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
        for info in special.values():
            out.addfile(info)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"), [("x.tar.gz", tar(FILES)), ("x.tgz", tar(FILES)), ("x.zip", pack_zip(FILES))]
)
def test_rules_of_every_format_are_read_inside_an_archive_and_archives_in_it_are_not(name: str, data: bytes) -> None:
    assert sorted((r.format, r.identifier) for r in read(name, data)) == [
        ("Sigma", "t"),
        ("Suricata", "1"),
        ("YARA", "Y"),
    ]


def test_links_and_devices_in_an_archive_are_passed_over() -> None:
    link, device = tarfile.TarInfo("link.rules"), tarfile.TarInfo("device.rules")
    link.type, link.linkname, device.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.CHRTYPE
    assert [r.identifier for r in read("x.tar.gz", tar({"../a.rules": SURICATA}, link=link, device=device))] == ["1"]


def test_a_member_or_a_header_that_is_too_large_is_refused() -> None:
    big = tarfile.TarInfo("big.rules")
    big.size = MAX_FILE_BYTES + 1
    assert refusal("x.tar.gz", gzip.compress(big.tobuf())).code == "rules.archive-bomb"
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 10**9
    assert refusal("x.tar.gz", gzip.compress(long_name.tobuf())).code == "rules.archive-bomb"


def test_an_archive_with_more_inside_than_a_rule_set_has_is_refused() -> None:
    padding = tarfile.TarInfo("padding")
    padding.size = archive.MAX_TOTAL_BYTES
    endless = gzip.compress(padding.tobuf()) + gzip.compress(bytes(MIB)) * (archive.MAX_TOTAL_BYTES // MIB)
    assert refusal("x.tar.gz", endless).code == "rules.archive-bomb"
    assert (
        refusal("x.tar.gz", tar({f"{n}.txt": b"" for n in range(archive.MAX_ENTRIES + 1)})).code == "rules.archive-bomb"
    )


def test_what_is_no_archive_is_refused() -> None:
    assert refusal("x.tar.gz", b"").code == "rules.archive"
    assert refusal("x.tar.gz", tar(FILES)[:-40]).code == "rules.archive"
    assert refusal("x.tgz", SURICATA).code == "rules.archive"
    assert refusal("x.zip", SURICATA).code == "rules.archive"


@given(st.integers(0, 2**32))
def test_damaged_archives_are_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    plain = bytearray(gzip.decompress(tar(FILES)) if chance.random() < 0.7 else pack_zip(FILES))
    zipped = plain.startswith(b"PK")
    for _ in range(chance.randint(1, 6)):
        plain[chance.randrange(len(plain))] = chance.choice(
            (0, 1, 0x30, 0x37, 0x80, 0xFF, ord("L"), ord("x"), ord("S"))
        )
    data = bytes(plain) if zipped else gzip.compress(_checksummed(plain), 1)
    assert outcome("x.zip" if zipped else "x.tar.gz", data).startswith(("read", "rules.", "archive."))


def outcome(name: str, data: bytes) -> str:
    try:
        read(name, data)
    except MalformedError as error:
        return error.code
    return "read"


def _checksummed(blocks: bytearray) -> bytes:
    """Make the header checksums right again, so that damage goes deeper than them."""
    for start in range(0, len(blocks) - 511, 512):
        block = blocks[start : start + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            blocks[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    return bytes(blocks)


@pytest.mark.needs("shared/data")
def test_the_real_archive_cut_anywhere_is_refused() -> None:
    data = (DATA / "suricata" / "hunting.rules.tar.gz").read_bytes()
    for length in range(0, len(data), 997):
        assert refusal("hunting.rules.tar.gz", data[:length]).code == "rules.archive"


def test_a_zip_with_encrypted_members_is_refused() -> None:
    info = zipfile.ZipInfo("a.rules")
    data = bytearray(pack_zip([(info, SURICATA)], 0))
    for at, offset in ((data.find(b"PK\x03\x04"), 6), (data.find(b"PK\x01\x02"), 8)):
        data[at + offset] |= 1
    assert refusal("x.zip", bytes(data)).code == "archive.encrypted"
