"""Which paths of an index are taken for files of the tree."""

from __future__ import annotations

import pytest

from bundler.kinds.activeupdate.ini import IniLine, parse_ini
from bundler.kinds.activeupdate.paths import component_path, line_error, points_to_file
from manifests.errors import MalformedError


def line_with(value: str) -> IniLine:
    return next(line for line in parse_ini(f"[PATTERN]\nP.4={value}\n".encode(), "server.ini").lines if line.key)


@pytest.mark.parametrize("path", ["a.zip", "pattern/v_173.175", "engine/win 32+x/a_b-c.1.zip"])
def test_a_plain_path_below_the_address_is_taken_as_it_is(path: str) -> None:
    assert component_path(line_with(path), path) == path


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("a/../b.zip", "activeupdate.traversal", "points out of the tree: 'a/../b.zip'"),
        ("..", "activeupdate.traversal", "points out of the tree: '..'"),
        ("/a.zip", "activeupdate.absolute", "holds an absolute path: '/a.zip'"),
        ("d:a.zip", "activeupdate.absolute", "holds an absolute path: 'd:a.zip'"),
        ("a\\b.zip", "activeupdate.backslash", "holds a backslash in a path: 'a\\\\b.zip'"),
        ("a/.hidden.zip", "activeupdate.name", "names the file 'a/.hidden.zip'"),
        ("SERVER.INI", "activeupdate.name", "names the file 'SERVER.INI'"),
        ("a.SIG", "activeupdate.name", "lists the signature 'a.SIG' as a component"),
    ],
)
def test_a_path_that_could_mean_anything_else_is_refused(path: str, code: str, said: str) -> None:
    with pytest.raises(MalformedError) as caught:
        component_path(line_with("x"), path)
    assert (caught.value.code, caught.value.what) == (code, f"server.ini: line 2, P.4 of [PATTERN], {said}")


@pytest.mark.parametrize(
    ("value", "points"),
    [
        ("thing, other/file.bin ,1", True),
        ("other\\file.bin", True),
        ("file.bin", False),
        ("a/b", False),
        ("two words/file.bin", False),
        ("", False),
    ],
)
def test_a_line_points_to_a_file_when_a_field_has_a_directory_and_an_ending(value: str, points: bool) -> None:
    assert points_to_file(line_with(value)) is points


@pytest.mark.parametrize("value", ["1,../x", "1,a\\..\\b,2"])
def test_a_field_that_leaves_the_tree_is_refused_even_where_it_is_no_component(value: str) -> None:
    with pytest.raises(MalformedError) as caught:
        points_to_file(line_with(value))
    assert caught.value.code == "activeupdate.traversal"


def test_an_error_names_the_line_and_steers_no_terminal() -> None:
    error = line_error(IniLine(7, "", "A\x1b[2J", "K\u00fc"), "activeupdate.name", "is odd")
    assert (error.code, error.details["line"]) == ("activeupdate.name", 7)
    assert error.what == "server.ini: line 7, K\\xfc of [A\\x1b[2J], is odd"
