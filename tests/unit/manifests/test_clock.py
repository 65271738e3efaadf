"""Instants and their one textual form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests import clock
from manifests.clock import LAST_INSTANT, add_time
from manifests.errors import MalformedError

FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1000, 9999))
INSTANTS = st.integers(FIRST, LAST).map(lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


def read_back(text: str) -> str:
    """The text of the instant that a text is, or the code of its refusal."""
    try:
        return clock.instant_text(clock.parse_instant(text))
    except MalformedError as error:
        return error.code


@given(INSTANTS)
def test_an_instant_survives_its_text(instant: datetime) -> None:
    assert clock.parse_instant(clock.instant_text(instant)) == instant


@given(st.text(max_size=30))
def test_any_other_text_is_refused_or_is_the_one_form(text: str) -> None:
    assert read_back(text) in {text, "time.format"}


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T23:06:00+00:00",
        "2026-11-21T23:06:00.0Z",
        "2026-11-21 23:06:00Z",
        "2026-11-21T23:06:00z",
        "2026-11-21T23:06:00Z\n",
        " 2026-11-21T23:06:00Z",
        "2026-11-1T23:06:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T23:59:60Z",
        "\N{FULLWIDTH DIGIT TWO}026-11-21T23:06:00Z",
        "",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        clock.parse_instant(text)
    assert caught.value.code == "time.format"


def test_other_time_zones_are_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert clock.instant_text(datetime(2026, 11, 22, 8, 6, tzinfo=tokyo)) == "2026-11-21T23:06:00Z"


def test_the_system_clock_tells_whole_seconds_in_utc() -> None:
    now = clock.system_clock()
    assert now.tzinfo is UTC
    assert now.microsecond == 0


def test_time_is_added_up_to_the_end_of_the_calendar() -> None:
    assert add_time(LAST_INSTANT - timedelta(days=2), timedelta(days=1)) == LAST_INSTANT - timedelta(days=1)
    for days in (2, 3, 999_999_999):
        assert add_time(LAST_INSTANT - timedelta(days=2), timedelta(days=days)) == LAST_INSTANT
