"""Counting the signatures of ClamAV's databases by the form that a suffix names."""

from __future__ import annotations

import io
import tarfile

import pytest

from bundler.rules.clamav import UNSIGNED, count_signatures, is_database
from tests.support import clamav_forge as forge
from tests.support.content import DATA


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.db", b"Old.Style=414141??42*43{4-}44"),
        ("a.ndb", b"A.B-1:0:*:414141"),
        ("a.ndu", b"PUA.A:1:EP+0,20:414141:51:255"),
        ("a.sdb", b"S.D:0:*:414141"),
        ("a.hdb", b"44d88612fea8a8f36de82e1278abb02f:68:Eicar"),
        ("a.HSB", b"275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f:*:Eicar:73"),
        ("a.fp", b"44d88612fea8a8f36de82e1278abb02f:68:Not.Eicar"),
        ("a.mdb", b"45056:3ea7d00dedd30bcdf46191358c36ffa4:Sect"),
        ("a.ldb", b"Sig1;Target:0;(0&1&2);616161;626262;63"),
        ("a.cdb", b"Test.Zip:CL_TYPE_ZIP:*:pass.exe:*:*:*:1:*:*"),
        ("a.crb", b"Trusted.Cert;1;0123;;abcd;010001;1;1;1;0;"),
        ("a.idb", b"ICON:GROUP1:GROUP2:00ab"),
        ("a.pdb", b"H:example.com"),
        ("a.wdb", b"X:.+\\.example\\.com:.+\\.example\\.org:17-"),
        ("a.gdb", b"S:P:00ab"),
        ("a.ign2", b"Eicar-Test-Signature"),
        ("a.ign2", b"Eicar-Test-Signature:bc356bae4c42f19a3de16e333ba3569c"),
        ("a.ftm", b"0:0:4d5a:MS-EXE:CL_TYPE_ANY:CL_TYPE_MSEXE"),
        ("a.pwdb", b"Pass;Engine:51-255;0;infected"),
    ],
)
def test_signatures_are_counted_and_comments_and_texts_are_not(name: str, line: bytes) -> None:
    data = b"# two of them\r\n" + line + b"\r\n\r\n" + line + b"\nAccess denied to this list\n"
    assert count_signatures(name, io.BytesIO(data)) == 2


@pytest.mark.parametrize(
    ("name", "data", "count"),
    [
        ("a.cbc", b"ClamBCafhaio", 1),
        ("a.cbc", b"denied", 0),
        ("a.cat", b"\x30\x82", 1),
        ("a.ioc", b"<ioc><IndicatorItem id='1'/><IndicatorItem id='2'/></ioc>", 2),
        ("a.yar", b"rule a { condition: true } private rule b { condition: true }", 2),
        ("a.yara", b"// moved", 0),
        ("a.yar", b"rule a {", None),
        ("x.cvd", forge.cvd(3), 20),
        ("x.cld", forge.cvd(3, signatures=7), 7),
        ("x.cvd", forge.cvd(3, signatures=0), 20),
        ("x.cvd", b"no header", None),
    ],
)
def test_other_forms_are_counted_as_far_as_anybody_can_tell(name: str, data: bytes, count: int | None) -> None:
    assert count_signatures(name, io.BytesIO(data)) == count


def test_every_suffix_names_a_database_whatever_its_case() -> None:
    assert all(is_database(f"a{suffix}") and is_database(f"a{suffix.upper()}") for suffix in UNSIGNED)
    assert is_database("daily.cvd")
    assert not is_database("daily-3.cdiff")


@pytest.mark.needs("shared/data")
@pytest.mark.parametrize("name", ["bytecode.cvd", "test-1.cvd", "test-6.cvd"])
def test_each_signature_of_genuine_databases_counts(name: str) -> None:
    data = (DATA / "clamav" / name).read_bytes()
    total = count_signatures(name, io.BytesIO(data))
    assert total
    with tarfile.open(fileobj=io.BytesIO(data[512:])) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None and member.name.endswith((".ndb", ".hdb", ".hsb", ".mdb", ".msb", ".ldb", ".fp")):
                content = file.read()
                lines = [line for line in content.splitlines() if line.strip() and not line.startswith(b"#")]
                assert count_signatures(member.name, io.BytesIO(content)) == len(lines)
