"""What a reader wishes is read off its request."""

from __future__ import annotations

import pytest

from relay.server.pages.page import PageRequest
from tests.support.relay_server import NOW, empty_view
from tests.support.requests_by_hand import get


def asked(*lines):
    return PageRequest(get("/-/status", *lines), empty_view(), NOW, {})


@pytest.mark.parametrize(
    ("lines", "language"),
    [
        ((), "en"),
        ((("Accept-Language", "ja"),), "ja"),
        ((("Accept-Language", "JA-jp;q=0.9, en;q=0.8"),), "ja"),
        ((("Accept-Language", "de, en, ja"),), "en"),
        ((("Accept-Language", "fr, ja;q=0.1"),), "ja"),
        ((("Accept-Language", "de"), ("Accept-Language", "ja")), "ja"),
        ((("Accept-Language", "jam, enm"),), "en"),
        ((("Accept-Language", ",;q=1,"),), "en"),
    ],
)
def test_the_first_language_that_we_speak_is_taken_and_else_english(lines, language):
    assert asked(*lines).language == language


@pytest.mark.parametrize(
    ("accept", "wants"),
    [("application/json", True), ("text/html, application/json;q=0.9", True), ("*/*", False), ("", False)],
)
def test_json_comes_only_to_who_names_it(accept, wants):
    assert asked(("Accept", accept)).wants_json is wants
    assert asked().wants_json is False
