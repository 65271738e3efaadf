"""The keys that every source can have."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bundler.sources.common import COMMON_KEYS, NOTHING_SAID, CommonOptions
from bundler.sources.globs import EVERY_PATH, GlobSet

SCHEMA = Draft202012Validator({"type": "object", "properties": dict(COMMON_KEYS)})

EVERYTHING = {
    "include": ["a/**"],
    "exclude": ["a/b"],
    "fresh_days": 3,
    "licence": "GPL",
    "mount": "/",
    "deliver": "ds_agent",
    "allow_older": True,
}


def test_a_table_that_says_nothing_carries_every_path() -> None:
    assert CommonOptions.from_table({}) == NOTHING_SAID
    assert NOTHING_SAID.globs == EVERY_PATH


def test_every_key_is_read() -> None:
    assert SCHEMA.is_valid(EVERYTHING)
    assert CommonOptions.from_table(EVERYTHING) == CommonOptions(
        GlobSet(("a/**",), ("a/b",)), 3, "GPL", "/", "ds_agent", True
    )


def test_what_is_excluded_alone_leaves_the_rest() -> None:
    globs = CommonOptions.from_table({"exclude": ["*.bak"]}).globs
    assert (globs.takes("a"), globs.takes("a.bak")) == (True, False)


@pytest.mark.parametrize(
    "table",
    [
        {"include": []},
        {"include": [""]},
        {"fresh_days": 0},
        {"fresh_days": 1.5},
        {"licence": ""},
        {"mount": "/x"},
        {"deliver": "../x"},
        {"deliver": "Upper"},
        {"deliver": "a" * 64},
        {"allow_older": "yes"},
    ],
)
def test_values_that_mean_nothing_do_not_fit_the_schema(table: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(table)
