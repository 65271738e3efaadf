"""Byte ranges against sets of byte numbers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from manifests.byte_ranges import Ranges, byte_count, common_ranges, gaps_in, merge_ranges

PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)


def numbers(ranges: Ranges) -> set[int]:
    return {number for first, behind in ranges for number in range(first, behind)}


@given(PAIRS)
def test_merged_ranges_have_the_same_bytes_ascending_and_apart(pairs: list[tuple[int, int]]) -> None:
    merged = merge_ranges(pairs)
    assert numbers(merged) == {number for first, behind in pairs for number in range(first, behind)}
    assert all(left[1] < right[0] for left, right in pairwise(merged))
    assert byte_count(merged) == len(numbers(merged))


@given(PAIRS, st.integers(0, 40), st.integers(0, 40))
def test_gaps_are_what_is_not_there(pairs: list[tuple[int, int]], first: int, behind: int) -> None:
    merged = merge_ranges(pairs)
    assert numbers(gaps_in(merged, first, behind)) == set(range(first, behind)) - numbers(merged)


@given(st.lists(PAIRS, min_size=1, max_size=3))
def test_common_ranges_are_in_each(several: list[list[tuple[int, int]]]) -> None:
    merged = [merge_ranges(pairs) for pairs in several]
    assert numbers(common_ranges(merged)) == set.intersection(*map(numbers, merged))
