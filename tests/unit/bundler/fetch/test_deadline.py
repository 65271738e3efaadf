"""Servers that say nothing, or one byte at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import source_simulator as upstream
from tests.support.benches import Bench, refused_urls
from tests.support.source_simulator import SourceSimulator

FAST: dict[str, Any] = {"timeout_seconds": 0.3}


@pytest.mark.parametrize("body", [b"", b"the beginning"])
def test_a_server_that_falls_silent_is_left(bench: Bench, server: SourceSimulator, body: bytes) -> None:
    server.on("/a", upstream.stalled(body))
    assert refused_urls(bench, server.url("/a"), **FAST).code == "http.timeout"


def test_a_server_that_drips_is_left_when_the_time_is_up(bench: Bench, server: SourceSimulator) -> None:
    server.on("/a", upstream.dripping())
    assert refused_urls(bench, server.url("/a"), total_seconds=0.3).code == "http.too-slow"


@pytest.mark.parametrize(
    ("begin", "again"), [(b"5;x=", b"x"), (b"5\r\nhello\r\n0\r\n", b"X: y\r\n")], ids=["extension", "trailers"]
)
def test_a_server_that_drips_between_the_chunks_is_left_when_the_time_is_up(
    bench: Bench, server: SourceSimulator, tmp_path: Path, begin: bytes, again: bytes
) -> None:
    server.on("/a", upstream.dripping_chunks(begin, again))
    assert refused_urls(bench, server.url("/a"), total_seconds=0.3).code == "http.too-slow"
    with SourceSimulator(ca_directory=tmp_path) as secure:
        secure.on("/a", upstream.dripping_chunks(begin, again))
        assert (
            refused_urls(bench, secure.url("/a"), total_seconds=0.3, ca=str(tmp_path / "ca.pem")).code
            == "http.too-slow"
        )


def test_a_server_whose_headers_drip_is_left_when_the_time_is_up(
    bench: Bench, server: SourceSimulator, tmp_path: Path
) -> None:
    server.on("/a", upstream.dripping_headers())
    error = refused_urls(bench, server.url("/a"), total_seconds=0.5)
    assert error.code == "http.too-slow"
    assert (error.need or "").endswith("within 0.5 seconds")
    with SourceSimulator(ca_directory=tmp_path) as secure:
        secure.on("/a", upstream.dripping_headers())
        assert (
            refused_urls(bench, secure.url("/a"), total_seconds=0.5, ca=str(tmp_path / "ca.pem")).code
            == "http.too-slow"
        )


def test_a_proxy_whose_answer_drips_is_left_when_the_time_is_up(bench: Bench, server: SourceSimulator) -> None:
    server.on("upstream.example:443", upstream.dripping_headers())
    error = refused_urls(bench, "https://upstream.example/a", proxy=server.base, total_seconds=0.5)
    assert error.code == "http.too-slow"
