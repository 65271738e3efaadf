"""Web pages that come where a file was asked for."""

from __future__ import annotations

import pytest

from bundler.fetch.errors import WebPageError
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


@pytest.mark.parametrize(
    "body",
    [BODY, b"ioc,score\n1.2.3.4,5\n", b"\x1f\x8b\x08\x00\x00", b"PK\x03\x04", b"\x00" * 600, b"rule a {}",
     b'alert http any any -> any any (content:"<script"; content:"<html"; sid:1;)', b'{"objects": []}',
     b"#!rules <b> text", b"<?xml version='1.0'?>\n<feed/>\n"],
)  # fmt: skip
def test_a_file_that_its_server_calls_a_page_is_told_by_its_content(
    bench: Bench, server: SourceSimulator, body: bytes
) -> None:
    server.serve("/a.rules", body, content_type="text/html; charset=utf-8")
    source = make("http", urls=[server.url("/a.rules")])
    with bench.workbench() as work:
        assert [target.path for target in source.check(work).targets] == ["a.rules"]
    assert bench.contents(bench.pull(source)) == {"a.rules": body}


@pytest.mark.parametrize(
    "body",
    [b"<script>location='/login'</script>", b"\n<head><title>Login</title>", b"Please <a href='/in'>sign in</a>", b"",
     b"<br />\n<b>Warning</b>: no database", b"\xef\xbb\xbf<!-- x --><html>",
     b"<?xml version='1.0'?>\n<html xmlns='x'>",
     b"Access denied<br>", b"<h1>It works!</h1>"],
)  # fmt: skip
def test_a_page_of_any_form_is_no_file(bench: Bench, server: SourceSimulator, body: bytes) -> None:
    server.serve("/a.rules", body, content_type="text/html")
    assert refused_urls(bench, server.url("/a.rules")).code == "http.captive-portal"
    with bench.workbench() as work, pytest.raises(WebPageError):
        make("http", urls=[server.url("/a.rules")]).check(work)
