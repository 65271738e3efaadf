"""Globs over target paths."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


_PARTS = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "?", "**"])
_NAMES = st.lists(st.sampled_from(["a", "b", "ab", "aab"]), min_size=1, max_size=4)
_GLOBS = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
_SETS = st.builds(GlobSet, st.lists(_GLOBS, min_size=1, max_size=3).map(tuple), st.lists(_GLOBS, max_size=2).map(tuple))


@given(_SETS, _NAMES)
def test_a_directory_that_holds_what_is_taken_is_never_left_out(globs: GlobSet, names: list[str]) -> None:
    if globs.takes("/".join(names)):
        for depth in range(1, len(names)):
            assert globs.may_take_below("/".join(names[:depth]), deeper=True)
        if len(names) > 1:
            assert globs.may_take_below("/".join(names[:-1]), deeper=False)


@given(_SETS, _NAMES, st.lists(_PARTS.filter(lambda part: part != "**") | st.just("[ab]*"), min_size=1, max_size=4))
def test_a_pattern_that_fits_what_is_taken_is_never_left_out(
    globs: GlobSet, names: list[str], pattern: list[str]
) -> None:
    fits = len(names) == len(pattern) and all(map(fnmatch.fnmatchcase, names, pattern))
    if fits and globs.takes("/".join(names)):
        assert globs.may_take_of("/".join(pattern))


@pytest.mark.parametrize(
    ("globs", "pattern", "may"),
    [
        (GlobSet(("trusted_root.json",)), "registry.npmjs.org/*", False),
        (GlobSet(("trusted_root.json",)), "*", True),
        (GlobSet(("clamav/**",)), "rules/*", False),
        (GlobSet(("clamav/**",)), "*/*.cvd", True),
        (GlobSet(("**/*.yar",)), "rules/*", True),
        (GlobSet(("rules/*.yar",)), "rules/*/*", False),
        (GlobSet(("a*/x",)), "b*/x", False),
        (GlobSet(exclude=("registry.npmjs.org/**",)), "registry.npmjs.org/*", False),
        (GlobSet(exclude=("registry.npmjs.org/**",)), "registry.npmjs.org/*/x.json", False),
        (GlobSet(exclude=("registry.npmjs.org/*",)), "registry.npmjs.org/*", False),
        (GlobSet(exclude=("registry.npmjs.org/*",)), "registry.npmjs.org/*/*", True),
        (GlobSet(exclude=("a.json",)), "a.json", False),
    ],
)
def test_patterns_of_which_nothing_is_taken_are_known(globs: GlobSet, pattern: str, may: bool) -> None:
    assert globs.may_take_of(pattern) is may


def test_paths_that_are_named_one_by_one_are_known() -> None:
    assert GlobSet(("a", "b/c")).literals == ("a", "b/c")
    assert GlobSet(("a", "b/*")).literals is None
    assert EVERY_PATH.literals is None


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
