"""Fetching for a source: in parallel, politely, with what is remembered; documents and first bytes."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest

from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.options import FetchOptions
from bundler.sources.base import Pull, PulledTarget
from bundler.sources.checksums import Checksum
from manifests.errors import FetchError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import Exchange, Respond, SourceSimulator

BODY = b"alert tcp any any\n" * 10_000


def refusal(bench: Bench, server: SourceSimulator, path: str = "/a", **wanted: Any) -> FetchError:
    with (
        bench.workbench() as work,
        Fetcher(FetchOptions(), work, "s") as fetcher,
        pytest.raises(FetchError) as caught,
    ):
        fetcher.get(WantedFile(server.url(path), "a", **wanted))
    return caught.value


def pulled(bench: Bench, *wanted: WantedFile, previous: Pull | None = None) -> tuple[Pull, tuple[bool, ...]]:
    with bench.workbench(previous) as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        got = fetcher.get_all(wanted)
    targets = tuple(PulledTarget(one.path, one.blob) for one in got)
    return Pull(targets, "", memo=fetcher.memo()), tuple(one.unchanged for one in got)


def test_files_come_in_the_order_they_were_wanted_whoever_is_first(bench: Bench, server: SourceSimulator) -> None:
    gate = threading.Barrier(4, timeout=20)

    def meeting(exchange: Exchange) -> None:
        gate.wait()
        exchange.answer(200, {}, exchange.path.encode())

    wanted = [WantedFile(server.url(f"/{n}"), f"f{n}") for n in range(8)]
    for n in range(8):
        server.on(f"/{n}", meeting)
    with bench.workbench() as work, Fetcher(FetchOptions(parallel=4), work, "s") as fetcher:
        got = fetcher.get_all(wanted)
        assert [b"".join(work.read(one.blob)) for one in got] == [f"/{n}".encode() for n in range(8)]
    assert [one.path for one in got] == [f"f{n}" for n in range(8)]


def test_no_more_run_at_once_than_the_cap(bench: Bench, server: SourceSimulator) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def counting(exchange: Exchange) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        server.stopped.wait(0.02)
        with lock:
            now -= 1
        exchange.answer(200, {}, b"x")

    for n in range(12):
        server.on(f"/{n}", counting)
    with bench.workbench() as work, Fetcher(FetchOptions(parallel=3), work, "s") as fetcher:
        fetcher.get_all([WantedFile(server.url(f"/{n}"), f"{n}") for n in range(12)])
    assert 1 <= most <= 3


def test_the_first_failure_ends_the_rest(bench: Bench, server: SourceSimulator) -> None:
    for n in range(200):
        server.serve(f"/{n}", b"x")
    server.on("/0", upstream.status(404))
    wanted = [WantedFile(server.url(f"/{n}"), f"{n}") for n in range(200)]
    with (
        bench.workbench() as work,
        Fetcher(FetchOptions(parallel=2), work, "s") as fetcher,
        pytest.raises(FetchError) as caught,
    ):
        fetcher.get_all(wanted)
    assert (caught.value.code, caught.value.details["status"]) == ("http.status", 404)
    assert len(server.seen) < 100


def test_threads_share_one_batch(bench: Bench) -> None:
    bodies = [hashlib.sha256(bytes([n])).digest() * (5 if n % 2 else 9000) for n in range(40)] * 2
    with bench.store.batch() as batch:
        found: dict[int, str] = {}

        def add(first: int) -> None:
            for n in range(first, len(bodies), 4):
                found[n] = batch.add([bodies[n]]).sha256

        threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        batch.commit()
    assert [found[n] for n in range(len(bodies))] == [hashlib.sha256(body).hexdigest() for body in bodies]
    assert all(bench.store.digest(digest).sha256 == digest for digest in found.values())
    assert not list(bench.home.temporary.iterdir())


def test_a_second_pull_asks_only_whether_anything_changed(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY, etag='"1"', last_modified="Tue, 01 Jan 2019 00:00:00 GMT")
    first, _ = pulled(bench, WantedFile(server.url("/a"), "a"))
    second, unchanged = pulled(bench, WantedFile(server.url("/a"), "a"), previous=first)
    assert unchanged == (True,)
    assert second == first
    assert [(seen.status, seen.body_bytes) for seen in server.seen] == [(200, len(BODY)), (304, 0)]


def test_what_the_name_says_is_never_asked_for_again(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    wanted = WantedFile(server.url("/a"), "a", immutable=True)
    first, _ = pulled(bench, wanted)
    assert pulled(bench, wanted, previous=first)[1] == (True,)
    assert len(server.seen) == 1


@pytest.mark.parametrize("algorithm", ["md5", "sha512"])
def test_a_digest_that_our_content_has_saves_the_question(
    bench: Bench, server: SourceSimulator, algorithm: Any
) -> None:
    server.serve("/a", BODY)
    check = Checksum(algorithm, hashlib.new(algorithm, BODY).hexdigest())
    first, _ = pulled(bench, WantedFile(server.url("/a"), "a", check=check))
    assert pulled(bench, WantedFile(server.url("/a"), "a", check=check), previous=first)[1] == (True,)
    assert len(server.seen) == 1


def test_another_length_than_the_index_says_is_refused_before_a_byte_is_read(
    bench: Bench, server: SourceSimulator
) -> None:
    server.serve("/a", BODY)
    error = refusal(bench, server, length=7)
    assert (error.code, error.have, error.need) == ("http.length", f"{len(BODY):,} bytes", "7 bytes")
    server.on("/b", upstream.chunked(BODY))
    assert refusal(bench, server, "/b", length=7).code == "http.length"
    assert refusal(bench, server, "/b", length=len(BODY) + 1).code == "http.length"


def test_a_length_that_the_index_changed_is_fetched_without_conditions(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY, etag='"1"')
    first, _ = pulled(bench, WantedFile(server.url("/a"), "a", length=len(BODY)))
    server.serve("/a", BODY + b"!", etag='"1"')
    second, unchanged = pulled(bench, WantedFile(server.url("/a"), "a", length=len(BODY) + 1), previous=first)
    assert unchanged == (False,)
    assert second.targets[0].blob.length == len(BODY) + 1


def test_a_document_has_a_ceiling_and_is_no_web_page(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/i", b"x" * 11)
    server.on("/page", upstream.portal())
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        for path, code in (("/i", "http.too-large"), ("/page", "http.captive-portal"), ("/none", "http.status")):
            with pytest.raises(FetchError) as caught:
                fetcher.document(server.url(path), max_bytes=10 if path == "/i" else 1000)
            assert caught.value.code == code
        assert b"sign in" in fetcher.document(server.url("/page"), max_bytes=1000, html=True)
        assert fetcher.document_or_none(server.url("/none"), max_bytes=10) is None
        server.on("/none", upstream.status(403))
        with pytest.raises(FetchError):
            fetcher.document_or_none(server.url("/none"), max_bytes=10)


def test_the_first_bytes_are_read_and_no_more(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.serve("/empty", b"")
    server.on("/whole", upstream.stalled(BODY[:512], length=10**9))
    with bench.workbench() as work, Fetcher(FetchOptions(timeout_seconds=5), work, "s") as fetcher:
        assert fetcher.head_bytes(server.url("/a"), 512) == BODY[:512]
        assert fetcher.head_bytes(server.url("/empty"), 512) == b""
        assert fetcher.head_bytes(server.url("/whole"), 512) == BODY[:512]
    assert server.seen[0].headers["range"] == "bytes=0-511"
    assert (server.seen[0].status, server.seen[0].body_bytes) == (206, 512)


def part(said: str | None, body: bytes, **headers: str) -> Respond:
    """Return a responder that answers a range with this part and these headers, and everything else well."""

    def respond(exchange: Exchange) -> None:
        if "Range" in exchange.headers:
            exchange.answer(206, {**({} if said is None else {"Content-Range": said}), **headers}, body)
        else:
            exchange.answer(200, {}, BODY)

    return respond


@pytest.mark.parametrize(
    ("responds", "requests"),
    [
        pytest.param(part(f"bytes 0-{len(BODY) - 1}/{len(BODY)}", BODY), 1, id="all of it"),
        pytest.param(part(f"bytes 0-1023/{len(BODY)}", BODY[:1024]), 1, id="a whole block of a cache"),
        pytest.param(part("bytes 0-511/*", BODY[:512]), 1, id="length unknown"),
        pytest.param(part(None, BODY[:512]), 1, id="no Content-Range"),
        pytest.param(part(f"Bytes 0-511/{len(BODY)}", BODY[:512]), 1, id="unit with a capital"),
        pytest.param(part(f"bytes 0-99/{len(BODY)}", BODY[:100]), 2, id="less than was asked for"),
        pytest.param(part(f"bytes 512-1023/{len(BODY)}", BODY[512:1024]), 2, id="another part"),
        pytest.param(part("0-511", BODY[:512]), 2, id="no sense"),
        pytest.param(part(None, b"--x\r\n", **{"Content-Type": "multipart/byteranges; boundary=x"}), 2, id="multipart"),
    ],
)
def test_the_first_bytes_are_taken_from_whatever_part_begins_at_the_beginning(
    bench: Bench, server: SourceSimulator, responds: Respond, requests: int
) -> None:
    server.on("/a", responds)
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        assert fetcher.head_bytes(server.url("/a"), 512) == BODY[:512]
    assert (server.asked("/a"), bench.pauses) == (requests, [])


@pytest.mark.parametrize("code", [400, 405, 406, 412, 416, 501])
def test_a_server_that_refuses_ranges_is_asked_without_one(bench: Bench, server: SourceSimulator, code: int) -> None:
    server.on("/a", upstream.status(code), upstream.file(BODY))
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        assert fetcher.head_bytes(server.url("/a"), 512) == BODY[:512]
    assert [seen.headers.get("range") for seen in server.seen] == ["bytes=0-511", None]
