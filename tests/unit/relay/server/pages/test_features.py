"""The page with the features to disable."""

from __future__ import annotations

import json

import pytest

from tests.support.relay_pages import FILES
from tests.support.relay_server import view_of
from tests.support.requests_by_hand import field


def test_the_features_follow_the_connectivity(ask):
    isolated = json.loads(ask("/-/features.json").body)
    proxy = json.loads(ask("/-/features.json", view=view_of(FILES, connectivity="proxy")).body)
    assert (isolated["connectivity"], proxy["connectivity"]) == ("isolated", "proxy")
    assert [item for item in isolated["items"] if item["kind"] == "feature"]
    assert not [item for item in proxy["items"] if item["kind"] == "feature"]


@pytest.mark.parametrize(
    ("query", "lines", "japanese"),
    [
        ("", (), False),
        ("lang=ja", (), True),
        ("lang=en", (("Accept-Language", "ja"),), False),
        ("", (("Accept-Language", "ja"),), True),
        ("", (("Accept-Language", "ja-JP,en;q=0.5"),), True),
        ("", (("Accept-Language", "de, en-GB;q=0.9, ja;q=0.1"),), False),
    ],
)
def test_the_features_speak_the_readers_language(ask, query, lines, japanese):
    body = ask("/-/features", *lines, query=query).body.decode()
    assert ("無効にする機能" in body) is japanese
    assert ("Features to disable" in body) is not japanese


@pytest.mark.parametrize(
    ("query", "kind", "beginning"),
    [
        ("", "text/plain; charset=utf-8", "Trend Micro"),
        ("format=dsm-c", "text/plain; charset=utf-8", "#!/bin/sh"),
        ("format=json", "application/json; charset=utf-8", "{"),
        ("format=rest", "application/json; charset=utf-8", "{"),
    ],
)
def test_the_features_come_in_every_form(ask, query, kind, beginning):
    response = ask("/-/features", query=query)
    assert field(response, "content-type") == kind
    assert response.body.decode().startswith(beginning)


@pytest.mark.parametrize("query", ["format=exe", "lang=de"])
def test_an_unknown_form_or_language_is_404(ask, query):
    assert ask("/-/features", query=query).status == 404
