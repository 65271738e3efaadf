"""What goes wrong while fetching, as those see it who act on it."""

from __future__ import annotations

import pytest

from bundler.fetch.errors import (
    BrokenTransferError,
    BusyError,
    GoneError,
    HttpStatusError,
    NoSuchRangeError,
    TooSlowError,
    WrongBodyError,
    WrongLengthError,
    WrongRangeError,
    is_worth_retrying,
)
from manifests.errors import FetchError


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (BrokenTransferError("http.connect", "x"), True),
        (WrongRangeError("http.range", "x"), True),
        (NoSuchRangeError("http.range", "x", status=416), True),
        (BusyError("http.busy", "x", status=429, host="h:443", retry_after_seconds=None, have=None), True),
        (HttpStatusError("http.server", "x", status=502), True),
        (HttpStatusError("http.status", "x", status=401), False),
        (GoneError("http.status", "x", status=410), False),
        (TooSlowError("http.too-slow", "x"), False),
        (WrongLengthError("http.length", "x"), False),
        (FetchError("http.tls", "x"), False),
    ],
)
def test_only_what_may_pass_in_a_moment_is_tried_again(error: FetchError, worth: bool) -> None:
    assert is_worth_retrying(error) is worth


def test_a_status_stands_in_a_field_and_in_what_is_shown() -> None:
    error = BusyError("http.busy", "h is busy", status=503, host="h:443", retry_after_seconds=9, have="later")
    assert (error.status, error.host, error.retry_after_seconds) == (503, "h:443", 9)
    assert error.to_json()["context"] == {"status": 503, "retry_after_seconds": 9, "host": "h:443"}
    assert GoneError("http.status", "gone", status=404, todo="look").to_json()["context"] == {"status": 404}


def test_reworded_the_fields_stay() -> None:
    error = BusyError("http.busy", "h is busy", status=503, host="h:443", retry_after_seconds=9, have=None)
    again = error.reworded(what="*** is busy")
    assert (type(again), again.what, again.host, again.status) == (BusyError, "*** is busy", "h:443", 503)


def test_a_wrong_part_or_length_spoils_what_came_so_far() -> None:
    assert issubclass(WrongRangeError, WrongBodyError)
    assert issubclass(WrongLengthError, WrongBodyError)
    assert not issubclass(BrokenTransferError, WrongBodyError)
