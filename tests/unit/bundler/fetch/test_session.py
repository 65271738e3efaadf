"""Whom we trust, what we call ourselves, how a failed connection is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.fetch.session import user_agent
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make, refused_urls
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 10_000


def test_we_say_who_we_are_and_ask_for_the_file_as_it_is(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    bench.pull(make("http", urls=[server.url("/a")]))
    assert server.seen[0].headers["user-agent"] == user_agent()
    assert user_agent().startswith("sealift/")
    assert user_agent()[8:].count(".") == 2
    assert server.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("line", [b"HTTP/1.1 404 \x1b[31mgone\r\n\r\n", b"\x1b]0;gone\x07\r\n"])
def test_what_a_server_says_steers_no_terminal(bench: Bench, server: SourceSimulator, line: bytes) -> None:
    server.on("/a", upstream.raw(line))
    error = refused_urls(bench, server.url("/a"))
    assert "gone" in str(error)
    assert str(error).isprintable()


def test_a_proxy_that_wants_a_password_is_told_apart(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.status(407))
    assert refused_urls(bench, server.url("/a")).code == "http.proxy"


def test_a_server_that_is_not_there_is_named(bench: Bench) -> None:
    with SourceSimulator() as gone:
        url = gone.url("/a?secret=1")
    error = refused_urls(bench, url)
    assert error.code == "http.connect"
    assert "secret" not in str(error)


def test_tls_under_an_authority_of_our_own(bench: Bench, tmp_path: Path) -> None:
    with SourceSimulator(ca_directory=tmp_path) as server:
        server.serve("/a", BODY)
        assert refused_urls(bench, server.url("/a")).code == "http.tls"
        pulled = bench.pull(make("http", urls=[server.url("/a")], ca=str(tmp_path / "ca.pem")))
    assert bench.contents(pulled) == {"a": BODY}
    assert pulled.verification == "carried, not verified"


def test_a_redirect_from_https_to_http_is_refused(bench: Bench, server: SourceSimulator, tmp_path: Path) -> None:
    server.serve("/a", BODY)
    with SourceSimulator(ca_directory=tmp_path) as secure:
        secure.on("/a", upstream.redirect(server.url("/a")))
        error = refused_urls(bench, secure.url("/a"), ca=str(tmp_path / "ca.pem"))
    assert error.code == "http.redirect-downgrade"
    assert server.seen == []
