from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

from bundler.fetch.session import user_agent
from bundler.sources.checksums import Checksum, parse_checksum_file
from manifests.errors import ConfigurationError, FetchError, SealiftError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 10_000
SHA256 = hashlib.sha256(BODY).hexdigest()
SHA512 = hashlib.sha512(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
FAST: dict[str, Any] = {"timeout_seconds": 0.3}


def refused(bench: Bench, *urls: object, **options: object) -> SealiftError:
    with pytest.raises(FetchError) as caught:
        bench.pull(make("http", urls=list(urls), **options))
    assert not list(bench.home.temporary.iterdir())
    return caught.value


def test_files_are_fetched_under_the_last_part_of_their_url_or_a_path_of_their_own(
    bench: Bench, server: SourceSimulator
) -> None:
    server.serve("/x/a.rules", BODY)
    server.serve("/b%20c.rules", b"b")
    urls = [
        server.url("/x/a.rules?token=1"),
        {"url": server.url("/x/a.rules"), "path": "y/z"},
        server.url("/b%20c.rules"),
    ]
    pulled = bench.pull(make("http", urls=urls))
    assert bench.contents(pulled) == {"a.rules": BODY, "y/z": BODY, "b c.rules": b"b"}
    assert pulled.verification == "carried, not verified; 3 of 3 came over plain http"


def test_we_say_who_we_are_and_ask_for_the_file_as_it_is(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    bench.pull(make("http", urls=[server.url("/a")]))
    assert server.seen[0].headers["user-agent"] == user_agent()
    assert user_agent().startswith("sealift/")
    assert user_agent()[8:].count(".") == 2
    assert server.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("validator", "header"),
    [({"etag": '"v1"'}, "if-none-match"), ({"last_modified": "Tue, 01 Jan 2030 00:00:00 GMT"}, "if-modified-since")],
)
def test_an_unchanged_file_is_not_fetched_again(
    bench: Bench, server: SourceSimulator, validator: dict[str, str], header: str
) -> None:
    server.serve("/a", BODY, **validator)
    source = make("http", urls=[server.url("/a")])
    first = bench.pull(source)
    second = bench.pull(source, first)
    assert second.targets == first.targets
    assert second.targets == first.targets
    assert second.memo == first.memo
    assert server.seen[1].headers[header] == next(iter(validator.values()))


def test_a_file_whose_content_is_lost_is_asked_for_without_conditions(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY, etag='"v1"')
    source = make("http", urls=[server.url("/a")])
    first = bench.pull(source)
    bench.store.path(first.targets[0].blob.sha256).unlink()
    assert bench.contents(bench.pull(source, first)) == {"a": BODY}
    assert "if-none-match" not in server.seen[1].headers


def test_validators_of_another_url_are_not_used(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/1/a", BODY, etag='"v1"')
    server.serve("/2/a", b"other", etag='"v1"')
    first = bench.pull(make("http", urls=[server.url("/1/a")]))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/2/a")]), first)) == {"a": b"other"}


def test_a_304_that_nobody_asked_for_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.status(304))
    assert refused(bench, server.url("/a")).code == "http.status"


@pytest.mark.parametrize(("algorithm", "digest"), [("sha256", SHA256), ("sha512", SHA512), ("md5", MD5.upper())])
def test_a_checksum_in_the_configuration_is_checked_and_a_match_saves_the_request(
    bench: Bench, server: SourceSimulator, algorithm: str, digest: str
) -> None:
    server.serve("/a", BODY)
    source = make("http", urls=[{"url": server.url("/a"), algorithm: digest}])
    first = bench.pull(source)
    assert first.verification.startswith(
        "1 of 1 match the checksum in our configuration; no upstream signature checked"
    )
    assert bench.pull(source, first).targets == first.targets
    assert server.asked("/a") == 1


def test_another_content_than_the_checksum_says_is_refused_at_once(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY + b"!")
    error = refused(bench, {"url": server.url("/a"), "sha256": SHA256})
    assert error.code == "http.checksum"
    assert error.need == f"sha256 {SHA256}"
    assert server.asked("/a") == 1


@pytest.mark.parametrize(
    "text",
    [
        SHA256,
        f"{SHA256}\n",
        f"{SHA256.upper()}  a.rules\n",
        f"{SHA256} *./dist/a.rules\n",
        f"{'0' * 64}  b.rules\n{SHA256}  a.rules\n",
        f"SHA256 (a.rules) = {SHA256}\n",
    ],
)
def test_a_published_checksum_is_read_in_every_usual_form(bench: Bench, server: SourceSimulator, text: str) -> None:
    server.serve("/a.rules", BODY)
    server.serve("/sums", text.encode())
    source = make("http", urls=[{"url": server.url("/a.rules"), "sha256_url": server.url("/sums")}])
    first = bench.pull(source)
    assert bench.contents(first) == {"a.rules": BODY}
    assert first.verification.startswith("1 of 1 match the checksum that their server publishes")
    assert bench.pull(source, first).targets == first.targets
    assert (server.asked("/a.rules"), server.asked("/sums")) == (1, 2)


@pytest.mark.parametrize(
    "text",
    ["", "no checksum", MD5, f"{SHA256}  other.rules", f"{SHA256}\n{SHA256}\n", f"{SHA256} a\n{'0' * 64} a", "<html>"],
)
def test_a_checksum_file_that_gives_no_single_digest_is_refused(text: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_checksum_file(text.encode(), "sha256", "a", name="sums")
    assert caught.value.code == "http.checksum-format"


def test_a_checksum_file_of_blanks_is_read_in_no_time() -> None:
    began = time.process_time()
    with pytest.raises(FetchError):
        parse_checksum_file(f"{MD5}  a{' ' * 500_000}b\n".encode(), "md5", "a", name="sums")
    assert parse_checksum_file(f"{MD5}  a{' ' * 500_000}\n".encode(), "md5", "a", name="sums").digest == MD5
    assert time.process_time() - began < 10  # quadratic in length, this took an hour


def test_a_checksum_read_just_before_its_file_was_replaced_is_read_again(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.on("/a.md5", upstream.file(b"0" * 32), upstream.file(MD5.encode()))
    pulled = bench.pull(make("http", urls=[{"url": server.url("/a"), "md5_url": server.url("/a.md5")}]))
    assert bench.contents(pulled) == {"a": BODY}
    assert len(bench.pauses) == 1


def test_a_checksum_that_never_fits_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.serve("/a.md5", b"0" * 32)
    assert refused(bench, {"url": server.url("/a"), "md5_url": server.url("/a.md5")}).code == "http.checksum"


def test_a_checksum_matches_only_its_own_bytes() -> None:
    assert Checksum("sha512", SHA512).fits([BODY[:7], BODY[7:]])
    assert not Checksum("sha512", SHA512).fits([BODY[:7]])


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "text/plain", "application/octet-stream"])
def test_a_captive_portal_is_not_taken_for_a_file(bench: Bench, server: SourceSimulator, content_type: str) -> None:
    server.on("/a.rules", upstream.portal(content_type))
    assert refused(bench, server.url("/a.rules")).code == "http.captive-portal"


def test_a_captive_portal_is_not_taken_for_a_checksum(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.on("/a.md5", upstream.portal())
    error = refused(bench, {"url": server.url("/a"), "md5_url": server.url("/a.md5")})
    assert error.code == "http.captive-portal"


def test_a_page_that_is_asked_for_is_fetched(bench: Bench, server: SourceSimulator) -> None:
    server.on("/notes.html", upstream.portal())
    assert list(bench.contents(bench.pull(make("http", urls=[server.url("/notes.html")])))) == ["notes.html"]


def test_a_body_shorter_than_announced_is_refused_after_three_tries(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.truncated(BODY, 1))
    error = refused(bench, server.url("/a"))
    assert error.code == "http.truncated"
    assert error.need == f"{len(BODY):,} bytes"
    assert server.asked("/a") == 3
    assert len(bench.pauses) == 2


def test_a_transfer_that_breaks_off_once_is_tried_again(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.truncated(BODY, 5000), upstream.file(BODY))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}


def test_a_chunked_body_without_end_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.chunked_broken(BODY))
    assert refused(bench, server.url("/a")).code == "http.truncated"


def test_a_chunked_body_is_fetched(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.chunked(BODY))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 180000\r\n\r\n"]
)
def test_a_body_whose_end_nothing_tells_is_taken_for_its_checksum_alone(
    bench: Bench, server: SourceSimulator, head: bytes
) -> None:
    server.on("/a", upstream.raw(head + BODY[:-1]))
    assert refused(bench, server.url("/a")).code == "http.unbounded"
    assert refused(bench, {"url": server.url("/a"), "sha256": SHA256}).code == "http.checksum"
    server.on("/a", upstream.raw(head + BODY))
    assert bench.contents(bench.pull(make("http", urls=[{"url": server.url("/a"), "sha256": SHA256}]))) == {"a": BODY}
    server.on("/a.md5", upstream.raw(head + MD5.encode()))
    assert refused(bench, {"url": server.url("/a"), "md5_url": server.url("/a.md5")}).code == "http.unbounded"


def test_a_body_encoded_on_its_way_is_refused(bench: Bench, server: SourceSimulator) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    server.on("/a", upstream.raw(head + b"5\r\nhello\r\n0\r\n\r\n"))
    assert refused(bench, server.url("/a")).code == "http.encoding"


@pytest.mark.parametrize("line", [b"HTTP/1.1 404 \x1b[31mgone\r\n\r\n", b"\x1b]0;gone\x07\r\n"])
def test_what_a_server_says_steers_no_terminal(bench: Bench, server: SourceSimulator, line: bytes) -> None:
    server.on("/a", upstream.raw(line))
    error = refused(bench, server.url("/a"))
    assert "gone" in str(error)
    assert str(error).isprintable()


def test_what_comes_after_the_announced_length_is_neither_content_nor_the_next_answer(
    bench: Bench, server: SourceSimulator
) -> None:
    server.on(
        "/a", lambda exchange: exchange.answer(200, {"Content-Length": 5}, b"short" + b"HTTP/1.1 200 OK\r\n\r\n" * 99)
    )
    server.serve("/b", BODY)
    pulled = bench.pull(make("http", urls=[server.url("/a"), server.url("/b")]))
    assert bench.contents(pulled) == {"a": b"short", "b": BODY}


def test_an_empty_file_is_a_file(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", b"")
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": b""}


def test_a_file_announced_too_large_is_refused_before_it_is_read(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.stalled(b"x", length=10 * 10**9))
    error = refused(bench, server.url("/a"), max_bytes=1_000_000)
    assert error.code == "http.too-large"
    assert error.have == "10,000,000,000 bytes announced"


def test_an_endless_body_is_cut_at_the_ceiling(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.endless())
    assert refused(bench, server.url("/a"), max_bytes=1_000_000).code == "http.too-large"


@pytest.mark.parametrize("body", [b"", b"the beginning"])
def test_a_server_that_falls_silent_is_left(bench: Bench, server: SourceSimulator, body: bytes) -> None:
    server.on("/a", upstream.stalled(body))
    assert refused(bench, server.url("/a"), **FAST).code == "http.timeout"


def test_a_server_that_drips_is_left_when_the_time_is_up(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.dripping())
    assert refused(bench, server.url("/a"), total_seconds=0.3).code == "http.too-slow"


@pytest.mark.parametrize(
    ("begin", "again"), [(b"5;x=", b"x"), (b"5\r\nhello\r\n0\r\n", b"X: y\r\n")], ids=["extension", "trailers"]
)
def test_a_server_that_drips_between_the_chunks_is_left_when_the_time_is_up(
    bench: Bench, server: SourceSimulator, tmp_path: Path, begin: bytes, again: bytes
) -> None:
    server.on("/a", upstream.dripping_chunks(begin, again))
    assert refused(bench, server.url("/a"), total_seconds=0.3).code == "http.too-slow"
    with SourceSimulator(ca_directory=tmp_path) as secure:
        secure.on("/a", upstream.dripping_chunks(begin, again))
        assert refused(bench, secure.url("/a"), total_seconds=0.3, ca=str(tmp_path / "ca.pem")).code == "http.too-slow"


def test_a_server_whose_headers_drip_is_left_when_the_time_is_up(
    bench: Bench, server: SourceSimulator, tmp_path: Path
) -> None:
    server.on("/a", upstream.dripping_headers())
    error = refused(bench, server.url("/a"), total_seconds=0.5)
    assert error.code == "http.too-slow"
    assert (error.need or "").endswith("within 0.5 seconds")
    with SourceSimulator(ca_directory=tmp_path) as secure:
        secure.on("/a", upstream.dripping_headers())
        assert refused(bench, secure.url("/a"), total_seconds=0.5, ca=str(tmp_path / "ca.pem")).code == "http.too-slow"


def test_a_proxy_whose_answer_drips_is_left_when_the_time_is_up(bench: Bench, server: SourceSimulator) -> None:
    server.on("upstream.example:443", upstream.dripping_headers())
    error = refused(bench, "https://upstream.example/a", proxy=server.base, total_seconds=0.5)
    assert error.code == "http.too-slow"


def test_redirects_are_followed_and_the_name_stays(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a.rules", upstream.redirect("/cdn/1234"))
    server.serve("/cdn/1234", BODY)
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a.rules")]))) == {"a.rules": BODY}


def test_a_redirect_loop_ends(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.redirect("/b"))
    server.on("/b", upstream.redirect("/a", 307))
    assert refused(bench, server.url("/a")).code == "http.redirects"
    assert len(server.seen) == 6


@pytest.mark.parametrize("target", ["ftp://localhost/a", "file:///etc/passwd", "http://user:pw@localhost/a"])
def test_a_redirect_to_something_else_than_http_is_refused(bench: Bench, server: SourceSimulator, target: str) -> None:
    server.on("/a", upstream.redirect(target))
    assert refused(bench, server.url("/a")).code == "http.redirect-target"


@pytest.mark.parametrize(("code", "reason"), [(404, "http.status"), (403, "http.status"), (206, "http.status")])
def test_a_refusal_is_not_tried_again(bench: Bench, server: SourceSimulator, code: int, reason: str) -> None:
    server.on("/a", upstream.status(code))
    error = refused(bench, server.url("/a"))
    assert (error.code, error.details["status"]) == (reason, code)
    assert server.asked("/a") == 1


def test_a_proxy_that_wants_a_password_is_told_apart(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.status(407))
    assert refused(bench, server.url("/a")).code == "http.proxy"


@pytest.mark.parametrize(("code", "reason"), [(500, "http.server"), (502, "http.server"), (503, "http.busy")])
def test_a_broken_server_is_tried_three_times(bench: Bench, server: SourceSimulator, code: int, reason: str) -> None:
    server.on("/a", upstream.status(code))
    assert refused(bench, server.url("/a")).code == reason
    assert server.asked("/a") == 3


def test_retry_after_is_waited_for(bench: Bench, server: SourceSimulator) -> None:
    date = "Wed, 02 Jan 2030 03:04:35 GMT"
    server.on("/a", upstream.status(429, retry_after=7), upstream.status(503, retry_after=date), upstream.file(BODY))
    assert bench.contents(bench.pull(make("http", urls=[server.url("/a")]))) == {"a": BODY}
    assert bench.pauses == [7, 30]


def test_a_server_that_wants_us_much_later_is_left_for_the_next_run(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.status(429, retry_after=86400))
    error = refused(bench, server.url("/a"))
    assert error.code == "http.busy"
    assert error.have == "come back in 86,400 seconds"
    assert bench.pauses == []


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
    assert refused(bench, server.url("/a.rules")).code == "http.encoding"


def test_a_gz_file_that_the_server_calls_encoded_is_carried_as_it_is(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a.tar.gz", b"\x1f\x8b\x08 not really", content_encoding="x-gzip")
    pulled = bench.pull(make("http", urls=[server.url("/a.tar.gz")]))
    assert bench.contents(pulled) == {"a.tar.gz": b"\x1f\x8b\x08 not really"}


def test_a_server_that_is_not_there_is_named(bench: Bench) -> None:
    with SourceSimulator() as gone:
        url = gone.url("/a?secret=1")
    error = refused(bench, url)
    assert error.code == "http.connect"
    assert "secret" not in str(error)


def test_a_token_in_a_query_is_sent_and_never_shown(bench: Bench, server: SourceSimulator) -> None:
    error = refused(bench, server.url("/a?token=secret"))
    assert server.seen[0].path == "/a?token=secret"
    assert "secret" not in str(error)


def test_tls_under_an_authority_of_our_own(bench: Bench, tmp_path: Path) -> None:
    with SourceSimulator(ca_directory=tmp_path) as server:
        server.serve("/a", BODY)
        assert refused(bench, server.url("/a")).code == "http.tls"
        pulled = bench.pull(make("http", urls=[server.url("/a")], ca=str(tmp_path / "ca.pem")))
    assert bench.contents(pulled) == {"a": BODY}
    assert pulled.verification == "carried, not verified"


def test_a_redirect_from_https_to_http_is_refused(bench: Bench, server: SourceSimulator, tmp_path: Path) -> None:
    server.serve("/a", BODY)
    with SourceSimulator(ca_directory=tmp_path) as secure:
        secure.on("/a", upstream.redirect(server.url("/a")))
        error = refused(bench, secure.url("/a"), ca=str(tmp_path / "ca.pem"))
    assert error.code == "http.redirect-downgrade"
    assert server.seen == []


def test_one_failing_file_fails_the_source_and_leaves_nothing(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    assert refused(bench, server.url("/a"), server.url("/b")).code == "http.status"
    assert not bench.store.path(SHA256).exists()


def test_check_asks_for_every_url_and_reads_no_body(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY, etag='"1"')
    source = make("http", urls=[server.url("/a")])
    first = bench.pull(source)
    server.on("/b", upstream.stalled(b"x", length=4321))
    with bench.workbench(first) as work:
        check = make("http", urls=[server.url("/a"), server.url("/b")]).check(work)
    assert [(target.path, target.length, target.state) for target in check.targets] == [
        ("a", len(BODY), "unchanged"),
        ("b", 4321, "to fetch"),
    ]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"urls": ["https://h/"]}, "source.url"),
        ({"urls": ["https://h/a", "https://i/a"]}, "source.url"),
        ({"urls": ["https://h/a", {"url": "https://h/b", "path": "a/b"}]}, "source.url"),
        ({"urls": [{"url": "https://h/a", "path": "../a"}]}, "source.url"),
        ({"urls": ["https://h/%2e%2e"]}, "source.url"),
        ({"urls": ["https://h:99999/a"]}, "source.url"),
        ({"urls": ["https://[h/a"]}, "source.url"),
        ({"urls": [{"url": "https://h/a", "md5_url": "https://h:x/a"}]}, "source.url"),
        ({"index": "https://h:99999/"}, "source.url"),
        ({"template": "https://h:99999/{version}"}, "source.url"),
        ({"urls": [{"url": "https://h/a", "sha256": SHA256, "md5": MD5}]}, "source.checksum"),
        ({"urls": [{"url": "https://h/a", "sha256": SHA256, "sha256_url": "https://h/b"}]}, "source.checksum"),
        ({"urls": ["https://h/a"], "ca": "ca.pem"}, "source.path"),
        ({"urls": ["https://h/a"], "ca": "/nonexistent/ca.pem"}, "source.path"),
    ],
)
def test_options_that_cannot_work_are_refused_at_configuration(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("http", **options)
    assert caught.value.code == code
