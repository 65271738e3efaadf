"""What an index lists, and what its mirror looks like."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.kinds.activeupdate.choice import Choice
from bundler.kinds.activeupdate.components import Increment, read_components, shown_version
from bundler.kinds.activeupdate.ini import parse_ini
from bundler.sources.globs import EVERY_PATH
from manifests.errors import MalformedError
from tests.support.active_update_index import DOCUMENTED, index_of
from tests.support.active_update_reader import components as listed_by_a_client
from tests.support.active_update_tree import Tree


def refusal(text: str) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        Choice().of(index_of(text), EVERY_PATH)
    return caught.value


def test_every_documented_form_is_read():
    found = {component.entry: component for component in index_of(DOCUMENTED).components}
    assert {
        place: (c.section, c.path, c.signature_path, c.version, c.length, c.name) for place, c in found.items()
    } == {
        "PATTERN Path_VSAPI": ("pattern", "pattern/vsapi349.zip", "pattern/vsapi349.sig", "1736100", 5000, ""),
        "PATTERN P.4": ("pattern", "pattern/vsapi349.zip", "pattern/vsapi349.sig", "1736100", 5000, ""),
        "PATTERN P.4.Merge.1": ("pattern", "pattern/v_173.175", "pattern/v_173.sig", "1730000", 77, ""),
        "PATTERN P.48040252": (
            "pattern",
            "pattern/tmtbd64_en_257364.zip",
            "pattern/tmtbd64_en_257364.sig",
            "257364",
            196355,
            "",
        ),
        "PATTERN P.48020000": (
            "pattern",
            "pattern/icrc/ioth1674500.zip",
            "pattern/icrc/ioth1674500.sig",
            "1674500",
            9000,
            "",
        ),
        "PATTERN P.48020000.Merge.1": (
            "pattern",
            "pattern/icrc/ioth_1674300.1674500",
            "pattern/icrc/ioth_1674300.sig",
            "1674300",
            2063,
            "",
        ),
        "ENGINE E.4": (
            "engine",
            "engine/engv_nt386_v12500-1004.zip",
            "engine/engv_nt386_v12500-1004.sig",
            "12.500.1004",
            1350445,
            "VSAPI32_NT_I386",
        ),
        "ENGINE E.5": (
            "engine",
            "engine/engv_ntamd_v12500-1004.zip",
            "engine/engv_ntamd_v12500-1004.sig",
            "12.500.1004",
            1350446,
            "VSAPI32_NT_AMD64",
        ),
        "ENGINE E.6": ("engine", "engine/tsc_nt386.zip", "engine/tsc_nt386.sig", "7.1.1044", 99, "TSC_NT_I386"),
        "Info_744_10000_1_1 Path": (
            "product",
            "product/osce14/enu/PLM24.zip",
            "product/osce14/enu/PLM24.sig",
            "1.0.7",
            5,
            "",
        ),
        "Info_745_10000_1_1 Path": (
            "product",
            "product/osce14/enu/PLM25_OSCE_AOS_COMP_LIST.zip",
            "product/osce14/enu/PLM25_OSCE_AOS_COMP_LIST.sig",
            "2.5.1045",
            166427,
            "",
        ),
    }
    assert found["PATTERN P.48020000.Merge.1"].increment == Increment("1674300", (1674300, 1674500))
    assert found["PATTERN P.4.Merge.1"].belongs_to == "p.4"


@pytest.mark.parametrize(
    ("written", "said"),
    [("1736100", "17.361.00"), ("17361000", "17.361.000"), ("257364", "257364"), ("12.500.1004", "12.500.1004")],
)
def test_a_version_is_told_as_people_know_it(written, said):
    assert shown_version(written) == said


def test_versions_compare_as_numbers_and_increments_have_none_of_their_own():
    found = {component.entry: component.number for component in index_of(DOCUMENTED).components}
    assert found["PATTERN P.4"] == (1736100,)
    assert found["ENGINE E.4"] == (12, 500, 1004)
    assert found["PATTERN P.4.Merge.1"] is None
    assert index_of("[ENGINE]\nE.1=N,engine/a.zip,build 7,1\n").components[0].number is None


def test_the_mirror_has_no_server_section_and_is_else_the_same_byte_for_byte():
    mirrored = index_of(DOCUMENTED).mirrored(lambda _: True).decode()
    assert mirrored.splitlines()[:3] == [";[Server]", ";Https=https://updates.invalid", ";Server.1=../elsewhere"]
    assert mirrored.replace(";[S", "[S").replace(";H", "H").replace(";S", "S") == DOCUMENTED


def test_line_ends_and_encoding_of_the_mirror_are_those_of_the_upstream():
    data = "\ufeff".encode("utf-16-le") + DOCUMENTED.replace("\n", "\r\n").encode("utf-16-le")
    mirrored = read_components(parse_ini(data, "server.ini")).mirrored(lambda _: True)
    assert mirrored.decode("utf-16").replace("\r\n", "\n") == index_of(DOCUMENTED).mirrored(lambda _: True).decode()


def test_a_product_that_is_left_out_takes_its_whole_section_and_its_line_with_it():
    found = index_of(DOCUMENTED)
    mirrored = found.mirrored(lambda component: component.line.section != "Info_744_10000_1_1").decode()
    parser = configparser.RawConfigParser()
    parser.read_string(mirrored)
    assert not parser.has_section("Info_744_10000_1_1")
    assert dict(parser.items("All_Product")) == {
        "maxproductid": "745",
        "product.745": "PLM25_OSCE_Addon_Service_CompList,1.0,3.0",
    }


def test_files_in_a_form_that_is_not_known_are_left_out_and_told():
    text = DOCUMENTED + "[Other]\nX.1=thing,other/file.bin,1\nNote=no file\n"
    found = index_of(text.replace("[ENGINE]\n", "[ENGINE]\nE.4.Delta=engine/delta.bin,1,2\n"))
    assert [line.key for line in found.strange] == ["E.4.Delta", "X.1"]
    mirrored = found.mirrored(lambda _: True)
    assert b"\n;E.4.Delta=" in mirrored
    assert b"\n;X.1=" in mirrored
    assert b"\nNote=no file" in mirrored


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("../../WebUI/WebApp/east.aspx,1,1", "activeupdate.traversal"),
        ("pattern/../../x.zip,1,1", "activeupdate.traversal"),
        ("..\\..\\x.zip,1,1", "activeupdate.traversal"),
        ("/etc/passwd.zip,1,1", "activeupdate.absolute"),
        ("C:/windows/x.zip,1,1", "activeupdate.absolute"),
        ("c:x.zip,1,1", "activeupdate.absolute"),
        ("\\\\host\\share\\x.zip,1,1", "activeupdate.absolute"),
        ("http://updates.invalid/x.zip,1,1", "activeupdate.absolute"),
        ("pattern\\x.zip,1,1", "activeupdate.backslash"),
        ("pattern//x.zip,1,1", "activeupdate.name"),
        ("pattern/./x.zip,1,1", "activeupdate.name"),
        ("pattern/%2e%2e/x.zip,1,1", "activeupdate.name"),
        ("pattern/x.zip?a=b,1,1", "activeupdate.name"),
        ("pattern/ü.zip,1,1", "activeupdate.name"),
        ("pattern/noextension,1,1", "activeupdate.name"),
        ("pattern/x.sig,1,1", "activeupdate.name"),
        ("Server.ini,1,1", "activeupdate.name"),
        ("ini_xml.zip,1,1", "activeupdate.name"),
        ("a/" * 16 + "x.zip,1,1", "activeupdate.name"),
        ("pattern/x.zip,1", "activeupdate.component"),
        ("pattern/x.zip,1,1" + ",1" * 14, "activeupdate.component"),
        ("pattern/x.zip,,1", "activeupdate.component"),
        ("pattern/x.zip,1,", "activeupdate.component"),
        ("pattern/x.zip,1,0", "activeupdate.component"),
        ("pattern/x.zip,1,-1", "activeupdate.component"),
        ("pattern/x.zip,1,1e9", "activeupdate.component"),
        ("pattern/x.zip,1,999999999999", "activeupdate.component"),
        ("", "activeupdate.component"),
        ("pattern/x.zip,\u00fc,1", "activeupdate.component"),
        ("pattern/x.zip," + "1" * 101 + ",1", "activeupdate.component"),
    ],
)
def test_a_component_that_is_not_a_file_of_the_tree_is_refused_with_its_line(value, code):
    error = refusal(f"[PATTERN]\nP.1=pattern/good.zip,1,1\nP.4={value}\n")
    assert (error.code, error.details["line"]) == (code, 3)
    assert "P.4 of [PATTERN]" in error.what


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[PATTERN]\nP.4.Merge.1=pattern/v_175.173,1,1\n", "activeupdate.increment"),
        ("[PATTERN]\nP.4=pattern/x.zip,1,1\nP.5=pattern/x.zip,1,2\n", "activeupdate.length-conflict"),
        ("[ENGINE]\nE.1=N,../x.zip,1,1\n", "activeupdate.traversal"),
        ("[Info_1]\nPath=..\\x.zip,1\n", "activeupdate.traversal"),
        ("[Other]\nFile=1,../../x.zip,2\n[PATTERN]\nP.4=x.zip,1,1\n", "activeupdate.traversal"),
        ("[PATTERN]\nMax=4\n", "activeupdate.empty"),
        ("<html><body>Sign in</body></html>\n", "activeupdate.empty"),
        ("", "activeupdate.empty"),
        ("[PATTERN]\n" + "".join(f"P.{n}=a/{n}.zip,1,1\n" for n in range(20_001)), "activeupdate.count"),
    ],
)
def test_an_index_that_contradicts_itself_or_lists_nothing_is_refused(text, code):
    assert refusal(text).code == code


@given(st.text("P.4Path_=,/\\.:zip019[]ENGINE\n ", max_size=120))
def test_whatever_an_index_says_only_files_of_the_tree_come_of_it(text):
    try:
        found = index_of("[PATTERN]\n" + text)
    except MalformedError as error:
        codes = error.code
    else:
        codes = "ini."
        for component in found.components:
            assert component.path == component.path.strip("/")
            assert not {"", ".", ".."} & set(component.path.split("/"))
    assert codes.startswith(("activeupdate.", "ini."))


@pytest.mark.parametrize("version", ["9" * 100, "9" * 18, ".".join("9" * 10), "1..2", "\u0661"])
def test_a_version_of_any_length_is_read_or_refused(version):
    try:
        found = index_of(f"[PATTERN]\nP.1=a/b.zip,{version},1\n")
        Choice().of(found, EVERY_PATH)
        number = found.components[0].number
    except MalformedError as error:
        number = error.code
    expected = {18: (10**18 - 1,), 19: (9,) * 10}
    assert number == ("activeupdate.component" if not version.isascii() else expected.get(len(version)))


def test_bytes_that_are_no_text_are_shown_as_numbers():
    found = read_components(parse_ini(b"[Info_1]\nVersion=\xff\nPath=a/b.zip,1\n", "server.ini"))
    with pytest.raises(MalformedError) as caught:
        Choice().of(found, EVERY_PATH)
    assert caught.value.what == ("server.ini: line 3, Path of [Info_1], holds '\\udcff' as a version or name")


@pytest.mark.parametrize("components", [80, 400])
def test_the_mirror_of_a_whole_tree_lists_all_of_it(components):
    tree = Tree(components)
    found = read_components(parse_ini(tree.ini, "server.ini"))
    assert len({component.path for component in found.components}) == components
    assert set(listed_by_a_client(found.mirrored(lambda _: True))) == set(tree.listed)
