"""The status page."""

from __future__ import annotations

import json

from tests.support.relay_pages import FILES
from tests.support.relay_server import empty_view, view_of
from tests.support.requests_by_hand import field


def test_the_status_page_is_plain_text_for_people(ask):
    for path in ("/", "/-/", "/-/status"):
        response = ask(path)
        assert field(response, "content-type") == "text/plain; charset=utf-8"
        text = response.body.decode()
        assert "generation      7 (1 in the store)" in text
        assert "  /clamav/  2 files\n  /rules/  1 file\n" in text
        assert "/-/features" in text


def test_the_status_page_names_the_source_at_the_root(ask):
    assert b"/  the files of rules as well" in ask("/-/status", view=view_of(FILES, mount_at_root="rules")).body


def test_the_status_is_json_by_name_and_by_accept(ask):
    for response in (ask("/-/status.json"), ask("/-/status", ("Accept", "application/json"))):
        assert field(response, "content-type") == "application/json; charset=utf-8"
        value = json.loads(response.body)
        assert (value["generation"], value["stale"], value["connectivity"]) == (7, False, "isolated")
        assert value["files"] == {"clamav": 2, "rules": 1}


def test_the_status_before_the_first_generation_says_what_to_do(ask):
    assert b"put a bundle into the inbox" in ask("/", view=empty_view()).body
    assert json.loads(ask("/-/status.json", view=empty_view()).body)["generation"] == 0
