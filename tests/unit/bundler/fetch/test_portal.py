"""Web pages that come where a file was asked for."""

from __future__ import annotations

import pytest

from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make, refused_urls
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 10_000


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "text/plain", "application/octet-stream"])
def test_a_captive_portal_is_not_taken_for_a_file(bench: Bench, server: SourceSimulator, content_type: str) -> None:
    server.on("/a.rules", upstream.portal(content_type))
    assert refused_urls(bench, server.url("/a.rules")).code == "http.captive-portal"


def test_a_captive_portal_is_not_taken_for_a_checksum(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.on("/a.md5", upstream.portal())
    error = refused_urls(bench, {"url": server.url("/a"), "md5_url": server.url("/a.md5")})
    assert error.code == "http.captive-portal"


def test_a_page_that_is_asked_for_is_fetched(bench: Bench, server: SourceSimulator) -> None:
    server.on("/notes.html", upstream.portal())
    assert list(bench.contents(bench.pull(make("http", urls=[server.url("/notes.html")])))) == ["notes.html"]
