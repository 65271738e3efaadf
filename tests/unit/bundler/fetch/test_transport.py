"""One GET: what is tried again, what is refused, where a redirect may lead."""

from __future__ import annotations

import pytest

from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make, refused_urls
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 10_000


def test_a_body_shorter_than_announced_is_refused_after_three_tries(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.truncated(BODY, 1))
    error = refused_urls(bench, server.url("/a"))
    assert error.code == "http.truncated"
    assert error.need == f"{len(BODY):,} bytes"
    assert server.asked("/a") == 3
    assert len(bench.pauses) == 2


def test_a_transfer_that_breaks_off_once_is_tried_again(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.truncated(BODY, 5000), upstream.file(BODY))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}


def test_a_chunked_body_without_end_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.chunked_broken(BODY))
    assert refused_urls(bench, server.url("/a")).code == "http.truncated"


def test_a_chunked_body_is_fetched(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.chunked(BODY))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}


def test_what_comes_after_the_announced_length_is_neither_content_nor_the_next_answer(
    bench: Bench, server: SourceSimulator
) -> None:
    server.on(
        "/a", lambda exchange: exchange.answer(200, {"Content-Length": 5}, b"short" + b"HTTP/1.1 200 OK\r\n\r\n" * 99)
    )
    server.serve("/b", BODY)
    pulled = bench.pull(make("http", urls=[server.url("/a"), server.url("/b")]))
    assert bench.contents(pulled) == {"a": b"short", "b": BODY}


def test_a_file_announced_too_large_is_refused_before_it_is_read(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.stalled(b"x", length=10 * 10**9))
    error = refused_urls(bench, server.url("/a"), max_bytes=1_000_000)
    assert error.code == "http.too-large"
    assert error.have == "10,000,000,000 bytes announced"


def test_an_endless_body_is_cut_at_the_ceiling(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.endless())
    assert refused_urls(bench, server.url("/a"), max_bytes=1_000_000).code == "http.too-large"


def test_redirects_are_followed_and_the_name_stays(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a.rules", upstream.redirect("/cdn/1234"))
    server.serve("/cdn/1234", BODY)
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a.rules")]))) == {"a.rules": BODY}


def test_a_redirect_loop_ends(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.redirect("/b"))
    server.on("/b", upstream.redirect("/a", 307))
    assert refused_urls(bench, server.url("/a")).code == "http.redirects"
    assert len(server.seen) == 6


@pytest.mark.parametrize("target", ["ftp://localhost/a", "file:///etc/passwd", "http://user:pw@localhost/a"])
def test_a_redirect_to_something_else_than_http_is_refused(bench: Bench, server: SourceSimulator, target: str) -> None:
    server.on("/a", upstream.redirect(target))
    assert refused_urls(bench, server.url("/a")).code == "http.redirect-target"


@pytest.mark.parametrize("host", ["", "http://localhost:{port}", "//localhost:{port}"])
@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/régles/日本.rules", "/r%C3%A9gles/%E6%97%A5%E6%9C%AC.rules"),
        ("/r%C3%A9gles/a b.rules", "/r%C3%A9gles/a%20b.rules"),
        ("/a?x=é//b", "/a?x=%C3%A9//b"),
    ],
)
def test_a_redirect_may_have_raw_letters_as_browsers_and_curl_take_them(
    bench: Bench, server: SourceSimulator, host: str, location: str, path: str
) -> None:
    target = host.format(port=server.base.rpartition(":")[2]) + location
    server.on("/a.rules", upstream.raw(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\n\r\n".encode()))
    server.serve(path.partition("?")[0], BODY)
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a.rules")]))) == {"a.rules": BODY}
    assert server.seen[-1].path == path


@pytest.mark.parametrize("lengths", ["Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 5"])
def test_a_length_that_is_said_twice_and_alike_is_one_length(
    bench: Bench, server: SourceSimulator, lengths: str
) -> None:
    server.on("/a", upstream.raw(f"HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nshorter than this".encode()))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": b"short"}


@pytest.mark.parametrize(
    "lengths",
    ["Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 6", "Content-Length: 5, x", "Content-Length: ,"],
)
def test_two_lengths_are_none(bench: Bench, server: SourceSimulator, lengths: str) -> None:
    server.on("/a", upstream.raw(f"HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nshort".encode()))
    assert refused_urls(bench, server.url("/a")).code == "http.protocol"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(404, "http.status"), (403, "http.status"), (206, "http.status"), (501, "http.status"), (505, "http.status"),
     (511, "http.status")],
)  # fmt: skip
def test_a_refusal_is_not_tried_again(bench: Bench, server: SourceSimulator, code: int, reason: str) -> None:
    server.on("/a", upstream.status(code))
    error = refused_urls(bench, server.url("/a"))
    assert (error.code, error.details["status"]) == (reason, code)
    assert server.asked("/a") == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [(500, "http.server"), (502, "http.server"), (503, "http.busy"), (408, "http.status"), (425, "http.status"),
     *((code, "http.server") for code in (507, 509, *range(520, 528), 529, 530, 599))],
)  # fmt: skip
def test_a_broken_server_is_tried_three_times(bench: Bench, server: SourceSimulator, code: int, reason: str) -> None:
    server.on("/a", upstream.status(code))
    assert refused_urls(bench, server.url("/a")).code == reason
    assert server.asked("/a") == 3


def test_retry_after_is_waited_for(bench: Bench, server: SourceSimulator) -> None:
    date = "Wed, 02 Jan 2030 03:04:35 GMT"
    server.on("/a", upstream.status(429, retry_after=7), upstream.status(503, retry_after=date), upstream.file(BODY))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}
    assert bench.pauses == [7, 30]


def test_a_server_that_wants_us_much_later_is_left_for_the_next_run(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.status(429, retry_after=86400))
    error = refused_urls(bench, server.url("/a"))
    assert error.code == "http.busy"
    assert error.have == "come back in 86,400 seconds"
    assert bench.pauses == []
