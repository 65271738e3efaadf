"""What the headers of an answer say of its body."""

from __future__ import annotations

import hashlib

import pytest

from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make, refused_urls
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 10_000
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 180000\r\n\r\n"]
)
def test_a_body_whose_end_nothing_tells_is_taken_for_its_checksum_alone(
    bench: Bench, server: SourceSimulator, head: bytes
) -> None:
    server.on("/a", upstream.raw(head + BODY[:-1]))
    assert refused_urls(bench, server.url("/a")).code == "http.unbounded"
    assert refused_urls(bench, {"url": server.url("/a"), "sha256": SHA256}).code == "http.checksum"
    server.on("/a", upstream.raw(head + BODY))
    assert bench.contents(bench.pull(make("http", urls=[{"url": server.url("/a"), "sha256": SHA256}]))) == {"a": BODY}
    server.on("/a.md5", upstream.raw(head + MD5.encode()))
    assert refused_urls(bench, {"url": server.url("/a"), "md5_url": server.url("/a.md5")}).code == "http.unbounded"


def test_a_body_encoded_on_its_way_is_refused(bench: Bench, server: SourceSimulator) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    server.on("/a", upstream.raw(head + b"5\r\nhello\r\n0\r\n\r\n"))
    assert refused_urls(bench, server.url("/a")).code == "http.encoding"


def test_an_empty_file_is_a_file(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", b"")
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": b""}


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 2029 00:00:00 +99999999999999999999", "Mon, 01 Jan 2029 99999999999999999999:00:00 GMT", "soon"],
)
def test_a_date_that_no_calendar_holds_is_none(bench: Bench, server: SourceSimulator, date: str) -> None:
    server.on("/a", upstream.status(429, retry_after=date), upstream.file(BODY, last_modified=date))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}
    assert 0.5 <= bench.pauses[0] <= 1.5


def test_a_file_from_the_end_of_time_is_fetched(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY, last_modified="Fri, 31 Dec 9999 23:59:59 GMT")
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}


def test_a_body_compressed_against_our_wish_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a.rules", BODY, content_encoding="gzip")
    assert refused_urls(bench, server.url("/a.rules")).code == "http.encoding"


GZ = b"\x1f\x8b\x08 not really"


@pytest.mark.parametrize(
    ("asked", "coding", "path"),
    [
        ("/a.tgz", "gzip", None),
        ("/a.tar.bz2", "bzip2", None),
        ("/a.tar.bz2", "x-bzip2", None),
        ("/a.tar.xz", "xz", None),
        ("/a.csv.zst", "zstd", None),
        ("/a.Z", "compress", None),
        ("/download?file=r.tar.gz", "gzip", "r.tar.gz"),
        ("/download?file=r.tar.gz", "GZIP", "r"),
        ("/latest", "gzip", "r.tar.gz"),
        ("/a.csv", "aws-chunked", None),
        ("/a.tar.gz", "aws-chunked, gzip", None),
        ("/a.csv", "utf-8", None),
        ("/a.csv", "UTF-8", None),
        ("/a.csv", "", None),
        ("/a.csv", "binary", None),
        ("/a.csv", "none", None),
    ],
)
def test_a_coding_that_only_describes_the_file_refuses_nothing(
    bench: Bench, server: SourceSimulator, asked: str, coding: str, path: str | None
) -> None:
    server.serve(asked.partition("?")[0], GZ, content_encoding=coding)
    url = {"url": server.url(asked), "path": path or asked[1:]}
    assert list(bench.contents(bench.pull(make("http", urls=[url]))).values()) == [GZ]


@pytest.mark.parametrize("final", ["/cdn/r-1.2.tar.gz?sig=x", "/cdn?file=r.tar.gz"])
def test_the_name_at_the_end_of_a_redirect_counts_too(bench: Bench, server: SourceSimulator, final: str) -> None:
    server.on("/latest", upstream.redirect(final))
    server.serve(final.partition("?")[0], GZ, content_encoding="gzip")
    assert bench.contents(bench.pull(make("http", urls=[server.url("/latest")]))) == {"latest": GZ}


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "aws-chunked, br", "nonsense"])
def test_the_checksum_of_a_file_decides_whatever_the_coding(bench: Bench, server: SourceSimulator, coding: str) -> None:
    server.serve("/a.rules", BODY, content_encoding=coding)
    error = refused_urls(bench, server.url("/a.rules"))
    assert (error.code, error.todo) == ("http.encoding", "correct the server, or give the file's checksum")
    pinned = {"url": server.url("/a.rules"), "sha256": SHA256}
    assert bench.contents(bench.pull(make("http", urls=[pinned]))) == {"a.rules": BODY}
    pinned["sha256"] = "0" * 64
    assert refused_urls(bench, pinned).code == "http.checksum"


def test_a_gz_file_that_the_server_calls_encoded_is_carried_as_it_is(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a.tar.gz", b"\x1f\x8b\x08 not really", content_encoding="x-gzip")
    pulled = bench.pull(make("http", urls=[server.url("/a.tar.gz")]))
    assert bench.contents(pulled) == {"a.tar.gz": b"\x1f\x8b\x08 not really"}
