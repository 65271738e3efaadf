"""What of an index is carried: by section, platform, family and path."""

from __future__ import annotations

import pytest

from bundler.kinds.activeupdate.choice import Choice
from bundler.sources.globs import EVERY_PATH, GlobSet
from manifests.errors import MalformedError
from tests.support.active_update_index import DOCUMENTED, index_of
from tests.support.active_update_reader import components as listed_by_a_client


def chosen(choice: Choice, globs: GlobSet = EVERY_PATH, text: str = DOCUMENTED) -> dict[str, int]:
    """What a client finds in the mirrored index."""
    found = index_of(text)
    lines = choice.of(found, globs)
    return listed_by_a_client(found.mirrored(lambda component: component.line.number in lines))


@pytest.mark.parametrize(
    ("choice", "files"),
    [
        (
            Choice(families=("vsapi",)),
            {"vsapi349.zip", "v_173.175", "engv_nt386_v12500-1004.zip", "engv_ntamd_v12500-1004.zip"},
        ),
        (Choice(families=("icrc",)), {"ioth1674500.zip", "ioth_1674300.1674500"}),
        (Choice(families=("TSC",)), {"tsc_nt386.zip"}),
        (
            Choice(families=("tmtbd64", "osce14")),
            {"tmtbd64_en_257364.zip", "PLM24.zip", "PLM25_OSCE_AOS_COMP_LIST.zip"},
        ),
        (Choice(sections=("product",)), {"PLM24.zip", "PLM25_OSCE_AOS_COMP_LIST.zip"}),
        (Choice(sections=("engine",), platforms=("nt_i386",)), {"engv_nt386_v12500-1004.zip", "tsc_nt386.zip"}),
        (Choice(families=("vsapi",), sections=("engine",), platforms=("NT_AMD64",)), {"engv_ntamd_v12500-1004.zip"}),
        (Choice(families=("nobody",)), set()),
    ],
)
def test_components_are_chosen_by_family_section_and_platform(choice, files):
    assert {path.rpartition("/")[2] for path in chosen(choice)} == files


def test_all_is_chosen_by_default():
    assert len(chosen(Choice())) == 10


@pytest.mark.parametrize(
    ("globs", "gone"),
    [
        (
            GlobSet(exclude=("engine/**",)),
            {"engine/engv_nt386_v12500-1004.zip", "engine/engv_ntamd_v12500-1004.zip", "engine/tsc_nt386.zip"},
        ),
        (GlobSet(exclude=("pattern/vsapi349.zip",)), {"pattern/vsapi349.zip", "pattern/v_173.175"}),
        (GlobSet(exclude=("pattern/v_173.sig",)), {"pattern/v_173.175"}),
    ],
)
def test_a_component_stands_and_falls_with_its_signature_and_an_increment_with_its_pattern(globs, gone):
    assert set(chosen(Choice())) - set(chosen(Choice(), globs)) == gone


@pytest.mark.parametrize(
    "line",
    [
        "[PATTERN]\nP.9=tmwhite/odd.zip,1\n",
        "[PATTERN]\nP.9=../../w_odd.zip,1,1\n",
        "[PATTERN]\nP.9=tmwhite\\odd.zip,1,1\n",
        "[PATTERN]\nP.9=/tmwhite.zip,1,none\n",
        "[PATTERN]\nP.9=icrc/ok.zip,1,1\nP.9.Merge.1=icrc/v_9.8,1,1\n",
        "[PATTERN]\nP.9=icrc/ok.zip,1,1\nP.9.Merge.1=v_1.2,1\n",
        "[PATTERN]\nP.8=icrc/two.zip,1,1\nP.9=icrc/two.zip,1,2\n",
        "[ENGINE]\nE.9=TSC_NT_I386,engine/tsc.zip,1\n",
        "[Info_9_1]\nVersion=1\nPath=product/x.zip,none\n",
        "[Other]\nX=1,../../x.zip,2\n",
    ],
)
@pytest.mark.parametrize("way", ["families", "include", "exclude"])
def test_an_odd_line_in_what_nobody_chose_harms_nobody(line, way):
    text = "[PATTERN]\nP.4=pattern/vsapi349.zip,1736100,5000\n"
    text = text + line.removeprefix("[PATTERN]\n") if line.startswith("[PATTERN]") else text + line
    choice = Choice(families=("vsapi",)) if way == "families" else Choice()
    globs = {"include": GlobSet(include=("pattern/*",)), "exclude": GlobSet(exclude=(_NOT_PATTERNS))}.get(
        way, EVERY_PATH
    )
    assert chosen(choice, globs, text) == {"pattern/vsapi349.zip": 5000}
    with pytest.raises(MalformedError):
        chosen(Choice(), EVERY_PATH, text)


_NOT_PATTERNS = ("tmwhite/**", "../**", "tmwhite*", "/**", "icrc/**", "v_1.2", "engine/**", "product/**")


@pytest.mark.parametrize("line", ["P.9=", "P.9=vsapi/../x.zip,1,1", "P.4.Merge.1=v_9.8,1,1", "P.4.Merge.1=tmwhite.zip"])
def test_an_odd_line_that_may_be_of_what_was_chosen_is_refused(line):
    text = f"[PATTERN]\nP.4=pattern/vsapi349.zip,1736100,5000\n{line}\n"
    with pytest.raises(MalformedError):
        chosen(Choice(families=("vsapi",)), EVERY_PATH, text)
