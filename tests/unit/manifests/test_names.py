"""Grammars of names and paths."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests import names
from manifests.errors import MalformedError


def refusal(check, value) -> str:
    with pytest.raises(MalformedError) as caught:
        check(value)
    return caught.value.code


def is_taken(path: str) -> bool:
    try:
        return names.check_target_path(path) == path
    except MalformedError:
        return False


@pytest.mark.parametrize("name", ["clamav", "a", "0", "a-b", "signature-base", "x" * 63])
def test_plain_names_are_taken(name: str) -> None:
    assert names.check_source_name(name) == name
    assert names.check_publisher_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "A",
        "a.b",
        "a/b",
        "a_b",
        "a b",
        "x" * 64,
        "a\n",
        "é",
        "..",
        "-",
        "\N{FULLWIDTH LATIN SMALL LETTER A}",
        "a\x00",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    assert refusal(names.check_source_name, name) == "name.source"
    assert refusal(names.check_publisher_name, name) == "name.publisher"


@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets"])
def test_a_source_is_never_named_like_a_top_level_role(name: str) -> None:
    assert refusal(names.check_source_name, name) == "name.source"
    assert names.check_publisher_name(name) == name


@pytest.mark.parametrize(
    "path",
    [
        "clamav/daily.cvd",
        "a",
        "a b/c",
        "ルール/一覧.txt",
        "a/.hidden",
        "a/..b",
        "a/%2e%2e",
        "/".join("a" * 16),
        "x" * 255,
    ],
)
def test_plain_paths_are_taken(path: str) -> None:
    assert names.check_target_path(path) == path


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "path.length"),
        ("/".join(["a" * 100] * 11), "path.length"),
        ("/etc/passwd", "path.segment"),
        ("a//b", "path.segment"),
        ("a/", "path.segment"),
        (".", "path.segment"),
        ("a/./b", "path.segment"),
        ("../a", "path.segment"),
        ("a/../../b", "path.segment"),
        ("x" * 256, "path.segment"),
        ("あ" * 86, "path.segment"),
        ("/".join("a" * 17), "path.depth"),
        ("..\\a", "path.character"),
        ("a\x00", "path.character"),
        ("a\nb", "path.character"),
        ("a\x1b[2J", "path.character"),
        ("a\x7f", "path.character"),
        ("a\u202egpj.exe", "path.character"),
        ("a\u200bb", "path.character"),
        ("a\u2028b", "path.character"),
        ("a\ufeff", "path.character"),
        ("a\ud800", "path.character"),
        ("cafe\u0301", "path.nfc"),
    ],
)
def test_other_paths_are_refused(path: str, code: str) -> None:
    assert refusal(names.check_target_path, path) == code


@given(st.text(max_size=40) | st.lists(st.sampled_from(["a", ".", "..", "/", "\\", "é", "\x00", " "])).map("".join))
def test_a_path_that_is_taken_can_never_leave_its_directory(path: str) -> None:
    if is_taken(path):
        segments = path.split("/")
        assert not {"", ".", ".."} & set(segments)
        assert "\\" not in path
        assert "\x00" not in path
        assert unicodedata.normalize("NFC", path) == path
        assert len(path.encode()) <= 1024


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["a/b", "c", "a/b"], "path.duplicate"),
        (["a", "a/b"], "path.file-and-directory"),
        (["a/b/c/d", "a/b"], "path.file-and-directory"),
    ],
)
def test_a_set_that_no_directory_could_hold_is_refused(paths: list[str], code: str) -> None:
    assert refusal(names.check_path_set, paths) == code


def test_neighbours_with_a_common_beginning_are_fine() -> None:
    names.check_path_set(["a", "a.b", "ab/c", "ab/c.d", "A"])
