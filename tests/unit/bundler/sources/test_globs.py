"""Globs over target paths."""

from __future__ import annotations

import pytest

from bundler.sources.globs import EVERY_PATH, GlobSet


@pytest.mark.parametrize(
    ("glob", "taken", "left"),
    [
        ("*.rules", ["a.rules", ".rules"], ["x/a.rules", "a.rulesx"]),
        ("**/*.rules", ["a.rules", "x/y/a.rules"], ["a.cvd"]),
        ("x/**", ["x/a", "x/y/a"], ["x", "y/x/a"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("a[b].+", ["a[b].+"], ["ab", "ab.+"]),
        ("**", ["a", "a/b", "a\nb"], []),
    ],
)
def test_a_star_stays_within_a_part_and_two_cross_parts(glob: str, taken: list[str], left: list[str]) -> None:
    globs = GlobSet((glob,))
    assert [path for path in taken if not globs.takes(path)] == []
    assert [path for path in left if globs.takes(path)] == []


def test_what_is_excluded_is_not_taken_whatever_includes_it() -> None:
    globs = GlobSet(("**",), ("secret*", "x/**"))
    assert [path for path in ("a", "secret", "x/a", "y/secret") if globs.takes(path)] == ["a", "y/secret"]
    assert EVERY_PATH.takes("secret")
    assert not GlobSet((), ()).takes("a")


@pytest.mark.parametrize(
    ("include", "exclude", "entered", "left"),
    [
        (["**"], [], ["a", "a/b"], []),
        (["**"], ["lost+found", "lost+found/**"], ["a", "a/lost+found"], ["lost+found"]),
        (["**"], ["**/.git/**"], ["a", "a/git"], [".git", "a/.git", "a/.git/b"]),
        (["**"], ["a/*"], ["a", "a/b"], []),
        (["**"], ["a/*/**"], ["a"], ["a/b"]),
        (["**"], ["a**"], ["b"], ["a", "ab"]),
        (["**"], ["a/**/x"], ["a", "a/b"], []),
        (["*.yar"], [], [], ["a"]),
        (["a/*.yar", "b/?/**"], [], ["a", "b", "b/c", "b/c/d"], ["a/b", "b/cc", "c"]),
        ([], [], [], ["a"]),
    ],
)
def test_a_directory_is_left_alone_when_nothing_below_it_can_be_taken(
    include: list[str], exclude: list[str], entered: list[str], left: list[str]
) -> None:
    globs = GlobSet(tuple(include), tuple(exclude))
    assert [path for path in entered if not globs.may_take_below(path)] == []
    assert [path for path in left if globs.may_take_below(path)] == []
