"""An upstream that goes back is refused, unless somebody said that it may."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.sources.versions import check_not_older, read_version, version_text
from manifests.errors import RollbackError

VERSIONS = st.lists(st.integers(0, 9), max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("new", "old"), [((1, 2), (1, 2)), ((1, 2, 0), (1, 2)), ((1, 2), (1, 2, 0)), ((1, 10), (1, 9)), ((1,), None)]
)
def test_the_same_or_newer_is_taken(new, old):
    check_not_older("au", new, old, False)


def test_older_is_refused_with_both_versions_and_the_way_out():
    with pytest.raises(RollbackError) as caught:
        check_not_older("au", (1, 9), (1, 10), False)
    assert caught.value.code == "source.older"
    assert str(caught.value) == (
        "Source 'au': its upstream went back to an older version. Have: 1.10 pulled before, 1.9 upstream. "
        "Need: 1.10 or newer. Do: ask the upstream's operator; if it is meant, write allow_older = true for au and "
        "pull again."
    )
    check_not_older("au", (1, 9), (1, 10), True)


@given(VERSIONS, VERSIONS)
def test_of_two_versions_at_most_one_is_older(new, old):
    refused = 0
    for left, right in ((new, old), (old, new)):
        try:
            check_not_older("au", left, right, False)
        except RollbackError:
            refused += 1
    padded = (*new, 0, 0, 0, 0)[:4], (*old, 0, 0, 0, 0)[:4]
    assert refused == (padded[0] != padded[1])


@pytest.mark.parametrize(
    "rising",
    [
        ["1", "1.0.1", "1.9", "1.10", "2"],
        ["2024-12-31", "2025-01-01"],
        [
            "1.99",
            "2.0.dev1",
            "2.0-SNAPSHOT.2",
            "2.0-alpha1",
            "2.0a2",
            "2.0-beta",
            "2.0b2",
            "2.0~pre",
            "2.0-rc1",
            "2.0-rc2",
            "2.0",
        ],
        ["1.9.9.9", "v2-rc1", "v2-RC2", "v2", "v2.0.1-rc.1", "v2.0.1"],
        ["1.10.0", "1.10.1-cr3", "1.10.1"],
        ["1.0.1", "1.0.2k"],
        ["9.7p2", "9.8", "9.8p1"],
        ["nightly-20261129", "nightly-20261130"],
        ["0.0-rc1", "0.1"],
    ],
)
def test_versions_rise_as_people_count_them(rising):
    for older, newer in itertools.pairwise(rising):
        check_not_older("s", read_version(newer), read_version(older), False)
        with pytest.raises(RollbackError):
            check_not_older("s", read_version(older), read_version(newer), False)


@pytest.mark.parametrize(
    ("written", "said"),
    [("v1.10", "1.10"), ("2.0-rc2", "2-rc2"), ("1.10.1-beta.3", "1.10.1-beta3"), ("2.0.dev", "2-dev"), ("latest", "0")],
)
def test_a_version_is_shown_as_people_write_it(written, said):
    assert version_text(read_version(written)) == said
