"""What every answer of the relay says of itself."""

from __future__ import annotations

import pytest

from relay.server.messages import header_fields, not_found_response, text_response, unavailable_response
from tests.support.requests_by_hand import field, get


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ((), None),
        ((("Accept", "a"),), "a"),
        ((("Accept", "a"), ("X", "z"), ("accept", "b;q=1")), "a, b;q=1"),
        ((("Accept", ""),), ""),
    ],
)
def test_the_lines_of_a_field_are_one_value(lines, value):
    assert get("/", *lines).field("accept") == value


@pytest.mark.parametrize(
    "response", [text_response(200, "x"), not_found_response(), unavailable_response("Later."), text_response(405, "")]
)
def test_no_short_answer_is_kept_or_guessed_at(response):
    assert field(response, "cache-control") == "no-store"
    assert field(response, "x-content-type-options") == "nosniff"
    assert field(response, "server") == "Sealift"
    assert field(response, "content-length") == str(len(response.body))


def test_a_length_counts_bytes_and_not_characters():
    response = text_response(200, "機能", [("vary", "accept")], "text/html")
    assert (response.body, field(response, "content-length")) == ("機能".encode(), "6")
    assert field(response, "content-type") == "text/html; charset=utf-8"
    assert field(response, "vary") == "accept"


def test_what_is_not_there_is_404_and_what_is_not_ready_is_503_with_a_time():
    assert not_found_response().status == 404
    later = unavailable_response("Later.")
    assert (later.status, later.body, field(later, "retry-after")) == (503, b"Later.\n", "30")
    assert field(not_found_response(), "retry-after") is None


def test_fields_that_every_response_has_come_first():
    assert header_fields(("etag", "x")) == [("server", "Sealift"), ("x-content-type-options", "nosniff"), ("etag", "x")]
