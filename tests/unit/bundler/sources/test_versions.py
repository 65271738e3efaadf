"""An upstream that goes back is refused, unless somebody said that it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.sources.versions import check_not_older
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
