"""Hosts that asked to be left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bundler.fetch.cooldown import Cooldown
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make, refused_urls
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 10_000


def test_a_host_that_wants_to_be_left_alone_is_not_asked_by_the_next_run(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.status(429, retry_after=7200))
    host = server.base.removeprefix("http://")
    assert refused_urls(bench, server.url("/a")).code == "http.busy"
    bench.now += timedelta(hours=1)
    error = refused_urls(bench, server.url("/a"))
    assert error.code == "http.cooling-down"
    assert error.what == f"{host} asked to be left alone, so it was not asked"
    assert error.have == "until 2030-01-02T05:04:05Z"
    assert len(server.seen) == 1
    bench.now += timedelta(hours=1)
    server.serve("/a", BODY)
    bench.pull(make("http", urls=[server.url("/a")]))


@pytest.mark.parametrize("given", [{}, {"retry_after": 0}, {"retry_after": "Tue, 01 Jan 2030 00:00:00 GMT"}], ids=str)
def test_too_many_requests_without_a_time_to_come_cool_down_too(
    bench: Bench, server: SourceSimulator, given: dict[str, object]
) -> None:
    server.on("/a", upstream.status(429, **given))
    assert refused_urls(bench, server.url("/a")).code == "http.busy"
    assert len(server.seen) == 3
    assert all(bench.pauses)
    assert refused_urls(bench, server.url("/a")).have == "until 2030-01-02T03:19:05Z"


def test_a_redirect_to_a_host_that_cools_down_is_not_followed(bench: Bench, server: SourceSimulator) -> None:
    with SourceSimulator() as other:
        other.on("/b", upstream.status(503, retry_after=86400))
        server.on("/a", upstream.redirect(other.url("/b")))
        assert refused_urls(bench, server.url("/a")).code == "http.busy"
        assert refused_urls(bench, server.url("/a")).code == "http.cooling-down"
        assert (len(server.seen), len(other.seen)) == (2, 1)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"localhost:1":7}', b'{"localhost:1":"9999-01-01T00:00:00Z"}'])
def test_a_damaged_or_absurd_record_of_cooling_hosts_stops_nothing(
    bench: Bench, server: SourceSimulator, data: bytes
) -> None:
    bench.home.fetching.mkdir()
    port = server.base.rpartition(":")[2].encode()
    (bench.home.fetching / "cooldown.json").write_bytes(data.replace(b":1", b":" + port))
    server.serve("/a", BODY)
    bench.pull(make("http", urls=[server.url("/a")]))


def test_nobody_is_left_alone_for_more_than_a_week(bench: Bench) -> None:
    cooldown = Cooldown(bench.home.fetching / "cooldown.json", lambda: bench.now)
    cooldown.begin("h:443", 10**9)
    bench.now += timedelta(days=7)
    Cooldown(bench.home.fetching / "cooldown.json", lambda: bench.now).require_over("h:443")
