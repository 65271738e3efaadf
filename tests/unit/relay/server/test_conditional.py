"""Conditional requests: RFC 9110, 13; and what freshclam needs beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.server.conditional import Conditions, Validators, evaluate_conditions, http_date, range_applies

MODIFIED = datetime(2026, 11, 21, 23, 6, 0, tzinfo=UTC)
DATE = "Sat, 21 Nov 2026 23:06:00 GMT"
LATER = http_date(MODIFIED + timedelta(days=1))
EARLIER = http_date(MODIFIED - timedelta(days=1))
NOW = Validators('"abc"', DATE)


def test_an_instant_is_written_as_an_imf_fixdate():
    assert http_date(MODIFIED) == DATE


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('"abc"', "not-modified"),
        ('W/"abc"', "not-modified"),
        ("*", "not-modified"),
        (" * ", "not-modified"),
        ('"x", "abc"', "not-modified"),
        ('"x","y"  ,W/"abc", "z"', "not-modified"),
        (', ,"abc"', "not-modified"),
        ('"a,b", "abc"', "not-modified"),
        ('""', "proceed"),
        ("", "proceed"),
        ("abc", "proceed"),
        ('"ABC"', "proceed"),
        ('w/"abc"', "proceed"),
        ('"x" junk "abc"', "proceed"),
        ('"abc', "proceed"),
    ],
)
def test_if_none_match_compares_tags_weakly(header, expected):
    assert evaluate_conditions(Conditions(if_none_match=header), NOW) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (DATE, "not-modified"),
        (LATER, "proceed"),
        (EARLIER, "proceed"),
        ("Saturday, 21-Nov-26 23:06:00 GMT", "proceed"),
        ("2026-11-21", "proceed"),
        ("", "proceed"),
    ],
)
def test_if_modified_since_counts_only_when_it_equals_last_modified(header, expected):
    assert evaluate_conditions(Conditions(if_modified_since=header), NOW) == expected


def test_if_none_match_beats_if_modified_since_both_ways():
    assert evaluate_conditions(Conditions(if_none_match='"old"', if_modified_since=DATE), NOW) == "proceed"
    assert evaluate_conditions(Conditions(if_none_match='"abc"', if_modified_since=EARLIER), NOW) == "not-modified"


def test_without_last_modified_no_date_matches():
    assert evaluate_conditions(Conditions(if_modified_since=DATE), Validators('"abc"')) == "proceed"
    assert evaluate_conditions(Conditions(if_unmodified_since=EARLIER), Validators('"abc"')) == "proceed"
    assert not range_applies(DATE, Validators('"abc"'))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(if_match='"abc"'), "proceed"),
        (Conditions(if_match="*"), "proceed"),
        (Conditions(if_match='W/"abc"'), "failed"),
        (Conditions(if_match='"x"'), "failed"),
        (Conditions(if_match='"abc"', if_unmodified_since=EARLIER), "proceed"),
        (Conditions(if_match='"abc"', if_none_match='"abc"'), "not-modified"),
        (Conditions(if_match='"x"', if_none_match='"abc"'), "failed"),
        (Conditions(if_unmodified_since=EARLIER), "failed"),
        (Conditions(if_unmodified_since=DATE), "proceed"),
        (Conditions(if_unmodified_since=LATER), "proceed"),
        (Conditions(if_unmodified_since="Sunday, 22-Nov-26 23:06:00 GMT"), "proceed"),
        (Conditions(if_unmodified_since="Sun Nov 22 23:06:00 2026"), "proceed"),
        (Conditions(if_unmodified_since="yesterday"), "proceed"),
        (Conditions(), "proceed"),
    ],
)
def test_if_match_and_if_unmodified_since_come_first(conditions, expected):
    assert evaluate_conditions(conditions, NOW) == expected


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (None, True),
        ('"abc"', True),
        (DATE, True),
        ('W/"abc"', False),
        ('"x"', False),
        (LATER, False),
        (EARLIER, False),
        ("", False),
    ],
)
def test_a_range_counts_only_for_exactly_this_representation(if_range, expected):
    assert range_applies(if_range, NOW) is expected


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text):
    for conditions in (
        Conditions(if_match=text),
        Conditions(if_none_match=text),
        Conditions(if_modified_since=text),
        Conditions(if_unmodified_since=text),
    ):
        assert evaluate_conditions(conditions, NOW) in {"proceed", "failed", "not-modified"}
    assert range_applies(text, NOW) is (text.strip() in {'"abc"', DATE})


@given(st.lists(st.sampled_from(['"x"', 'W/"y"', '"abc"', 'W/"abc"', '"a b"'])), st.sampled_from([",", ", ", " ,\t"]))
def test_a_tag_is_found_in_any_list_that_holds_it(tags, separator):
    found = any(tag.endswith('"abc"') for tag in tags)
    expected = "not-modified" if found and '"a b"' not in tags[: _first(tags)] else "proceed"
    assert evaluate_conditions(Conditions(if_none_match=separator.join(tags)), NOW) == expected


def _first(tags):
    return next((place for place, tag in enumerate(tags) if tag.endswith('"abc"')), 0)
