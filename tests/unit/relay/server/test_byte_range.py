"""Ranges: RFC 9110, 14.1.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.server.byte_range import RequestedRange, parse_range

LENGTH = 1000


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-499", RequestedRange(0, 500)),
        ("bytes=500-999", RequestedRange(500, 1000)),
        ("bytes=500-", RequestedRange(500, 1000)),
        ("bytes=0-0", RequestedRange(0, 1)),
        ("bytes=999-", RequestedRange(999, 1000)),
        ("bytes=0-1000000", RequestedRange(0, 1000)),
        ("bytes=-1", RequestedRange(999, 1000)),
        ("bytes=-1000", RequestedRange(0, 1000)),
        ("bytes=-5000", RequestedRange(0, 1000)),
        ("BYTES=0-1", RequestedRange(0, 2)),
        ("bytes= 0-1 ", RequestedRange(0, 2)),
        ("bytes=000000000000000000000000000001-2", RequestedRange(1, 3)),
        (f"bytes=0-{'9' * 6000}", RequestedRange(0, 1000)),
        ("bytes=1000-", "unsatisfiable"),
        ("bytes=1000-2000", "unsatisfiable"),
        ("bytes=-0", "unsatisfiable"),
        (f"bytes={'9' * 6000}-", "unsatisfiable"),
    ],
)
def test_a_single_range_is_cut_to_the_representation(header, expected):
    assert parse_range(header, LENGTH) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",
        "bytes=1--2",
        "items=0-1",
        "none",
        "bytes 0-1",
        "bytes=0-1,5-6",
        "bytes=0-1,",
        "bytes=0-1\n",
    ],
)
def test_a_broken_range_another_unit_or_several_ranges_are_ignored(header):
    assert parse_range(header, LENGTH) is None


@pytest.mark.parametrize(
    ("header", "expected"), [("bytes=0-", "unsatisfiable"), ("bytes=-0", "unsatisfiable"), ("bytes=-5", None)]
)
def test_an_empty_representation_has_no_range(header, expected):
    assert parse_range(header, 0) == expected


def test_content_range_counts_the_last_byte():
    assert RequestedRange(500, 1000).content_range(1000) == "bytes 500-999/1000"
    assert RequestedRange(500, 1000).length == 500


@given(st.text(max_size=40), st.integers(0, 2**63))
def test_no_text_makes_it_fail(text, length):
    result = parse_range(f"bytes={text}", length)
    if isinstance(result, RequestedRange):
        assert 0 <= result.start < result.end <= length


@given(st.integers(0, 50), st.none() | st.integers(0, 60), st.binary(max_size=50))
def test_a_range_is_the_slice_that_it_names(first, last, content):
    result = parse_range(f"bytes={first}-{'' if last is None else last}", len(content))
    if last is not None and last < first:
        assert result is None
    elif first >= len(content):
        assert result == "unsatisfiable"
    else:
        assert isinstance(result, RequestedRange)
        assert content[result.start : result.end] == content[first : None if last is None else last + 1]


@given(st.integers(0, 60), st.binary(min_size=1, max_size=50))
def test_a_suffix_is_the_end_of_the_content(count, content):
    result = parse_range(f"bytes=-{count}", len(content))
    if count == 0:
        assert result == "unsatisfiable"
    else:
        assert isinstance(result, RequestedRange)
        assert content[result.start : result.end] == content[-count:]
