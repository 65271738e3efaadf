"""What a selection of an index means for the mirror, for the next pull and for people."""

from __future__ import annotations

import pytest

from bundler.kinds.activeupdate.index import FoundIndex
from bundler.kinds.activeupdate.selection import Selection
from tests.support.active_update_index import DOCUMENTED, index_of
from tests.support.active_update_reader import components as listed_by_a_client


def selected(*entries: str, text: str = DOCUMENTED) -> Selection:
    """What is carried when these entries are, or all without any."""
    index = index_of(text)
    taken = tuple(component for component in index.components if not entries or component.entry in entries)
    return Selection(FoundIndex(text.encode(), index, "server.ini"), taken)


def test_a_file_that_two_lines_name_is_carried_once_by_the_first() -> None:
    files = selected("PATTERN Path_VSAPI", "PATTERN P.4", "ENGINE E.6").files
    assert {path: component.entry for path, component in files.items()} == {
        "pattern/vsapi349.zip": "PATTERN Path_VSAPI",
        "engine/tsc_nt386.zip": "ENGINE E.6",
    }


def test_the_mirror_lists_what_is_carried_and_nothing_else() -> None:
    mirrored = selected("PATTERN P.4", "ENGINE E.6").mirrored
    assert set(listed_by_a_client(mirrored)) == {"pattern/vsapi349.zip", "engine/tsc_nt386.zip"}
    assert b"\n;E.4=" in mirrored


def test_only_what_has_a_version_of_its_own_gets_a_floor() -> None:
    versions = selected("PATTERN P.4", "PATTERN P.4.Merge.1", "ENGINE E.6").versions
    assert versions == {"PATTERN P.4": (1736100,), "ENGINE E.6": (7, 1, 1044)}


@pytest.mark.parametrize(
    ("entries", "version"),
    [
        ((), "VSAPI 17.361.00"),
        (("ENGINE E.6", "PATTERN Path_VSAPI"), "VSAPI 17.361.00"),
        (("ENGINE E.6",), "E.6 7.1.1044"),
    ],
)
def test_the_version_for_people_is_that_of_the_virus_pattern_else_of_the_first(
    entries: tuple[str, ...], version: str
) -> None:
    assert selected(*entries).version == version


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (selected(), "all 10 components of server.ini; each with its signature, carried, not verified"),
        (
            selected("ENGINE E.6", "PATTERN P.4"),
            "2 of 10 components of server.ini; each with its signature, carried, not verified",
        ),
        (
            selected("ENGINE E.6", text=DOCUMENTED + "[Other]\nX.1=thing,other/file.bin,1\n"),
            "1 of 10 components of server.ini; each with its signature, carried, not verified; "
            "1 line of an unknown form left out",
        ),
    ],
)
def test_what_was_left_out_is_said(selection: Selection, said: str) -> None:
    assert selection.said == said
