"""How answers begin: what comes before them is read past, and what is too long is named."""

from __future__ import annotations

import pytest

from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make, refused_urls
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 1_000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\nLink: </y>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


@pytest.mark.parametrize(
    "before", [HINTS, PROCESSING * 10, b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS, b"HTTP/1.1 199 Whatever\n\n"]
)
def test_what_a_server_says_before_its_answer_is_read_past(
    bench: Bench, server: SourceSimulator, before: bytes
) -> None:
    server.on("/a", upstream.raw(before + ANSWER))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}


def test_an_answer_that_never_begins_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.raw(PROCESSING * 1_000))
    assert refused_urls(bench, server.url("/a")).code == "http.connect"


def test_a_server_that_switches_to_another_protocol_gives_no_file(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + BODY))
    assert refused_urls(bench, server.url("/a")).details["status"] == 101


@pytest.mark.parametrize(
    ("headers", "have"),
    [
        (b"X-A: b\r\n" * 101, "more than 100 header lines"),
        (b"X-A: " + b"b" * 70_000 + b"\r\n", "a line of more than 65,536 characters"),
    ],
)
@pytest.mark.parametrize("before", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n", b"HTTP/1.1 404 No\r\n"])
def test_headers_that_are_too_many_or_too_long_are_named_and_not_asked_for_again(
    bench: Bench, server: SourceSimulator, before: bytes, headers: bytes, have: str
) -> None:
    server.on("/a", upstream.raw(before + headers + b"Content-Length: 0\r\n\r\n"))
    error = refused_urls(bench, server.url("/a"))
    assert (error.code, error.have) == ("http.protocol", have)
    assert server.asked("/a") == 1


def test_a_hundred_header_lines_are_read(bench: Bench, server: SourceSimulator) -> None:
    headers = b"X-A: b\r\n" * 98
    server.on("/a", upstream.raw(ANSWER.replace(b"\r\nContent", b"\r\n" + headers + b"Content", 1)))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}
