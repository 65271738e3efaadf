"""Interrupted downloads go on where they stopped, but only if it is surely the same file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bundler.config import Config
from bundler.fetch import partial
from bundler.fetch.fetcher import FetchedFile, Fetcher, WantedFile
from bundler.fetch.options import FetchOptions
from bundler.jobs.gc import collect_garbage
from bundler.sources.checksums import Checksum
from manifests.disk.blobs import Blob
from manifests.errors import FetchError
from manifests.schemas import strictjson
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import Exchange, SourceSimulator

BODY = bytes(range(256)) * 4000
OTHER = BODY[::-1]
HALF = len(BODY) // 2
ONCE = FetchOptions(attempts=1)


def fetch(bench: Bench, wanted: WantedFile, options: FetchOptions = ONCE) -> FetchedFile:
    with bench.workbench() as work, Fetcher(options, work, "s") as fetcher:
        return fetcher.get(wanted)


def content(bench: Bench, fetched: FetchedFile) -> bytes:
    return b"".join(bench.store.read(fetched.blob.sha256))


def broken(bench: Bench, wanted: WantedFile) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(bench, wanted)
    return caught.value.code


def cut(server: SourceSimulator, path: str = "/a", *, etag: str = '"1"', **headers: str) -> None:
    server.on(path, upstream.cut_after(HALF, upstream.file(BODY, etag=etag, **headers)))


def kept(bench: Bench) -> list[Path]:
    return sorted((bench.home.fetching / "partial" / "s").glob("*.data"))


def test_the_next_run_asks_for_the_rest_alone(bench: Bench, server: SourceSimulator) -> None:
    cut(server)
    assert broken(bench, WantedFile(server.url("/a"), "a")) == "http.truncated"
    assert not list(bench.home.temporary.iterdir())
    server.serve("/a", BODY, etag='"1"')
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"))) == BODY
    assert server.seen[1].headers["range"] == f"bytes={HALF}-"
    assert server.seen[1].headers["if-range"] == '"1"'
    assert [(seen.status, seen.body_bytes) for seen in server.seen] == [(200, HALF), (206, len(BODY) - HALF)]


def test_the_next_try_of_the_same_run_goes_on_too(bench: Bench, server: SourceSimulator) -> None:
    good = upstream.file(BODY, etag='"1"')
    server.on("/a", upstream.cut_after(1000, good), upstream.cut_after(HALF, good), good)
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"), FetchOptions())) == BODY
    assert sum(seen.body_bytes for seen in server.seen) == len(BODY)


def test_a_file_that_changed_meanwhile_starts_over(bench: Bench, server: SourceSimulator) -> None:
    cut(server)
    broken(bench, WantedFile(server.url("/a"), "a"))
    server.serve("/a", OTHER, etag='"2"')
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"))) == OTHER
    assert server.seen[1].status == 200


def ignores_if_range(exchange: Exchange) -> None:
    exchange.answer(206, {"ETag": '"2"', "Content-Range": f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"}, OTHER[HALF:])


def wrong_place(exchange: Exchange) -> None:
    exchange.answer(206, {"ETag": '"1"', "Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"}, BODY)


def wrong_end(exchange: Exchange) -> None:
    exchange.answer(206, {"ETag": '"1"', "Content-Range": f"bytes {HALF}-{HALF}/{len(BODY)}"}, BODY[HALF : HALF + 1])


def no_place(exchange: Exchange) -> None:
    exchange.answer(206, {"ETag": '"1"'}, BODY[HALF:])


def nameless(exchange: Exchange) -> None:
    exchange.answer(206, {"Content-Range": f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"}, OTHER[HALF:])


def end_unknown(exchange: Exchange) -> None:
    span = f"bytes {HALF}-{len(BODY) - 2}/*"
    exchange.answer(206, {"ETag": '"1"', "Content-Range": span}, BODY[HALF:-1])


def lying_length(exchange: Exchange) -> None:
    span = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
    exchange.answer(206, {"ETag": '"1"', "Content-Range": span, "Content-Length": 7}, BODY[HALF : HALF + 7])


def another_length(exchange: Exchange) -> None:
    longer = BODY + b"more"
    span = f"bytes {HALF}-{len(longer) - 1}/{len(longer)}"
    exchange.answer(206, {"ETag": '"1"', "Content-Range": span}, longer[HALF:])


def beyond(exchange: Exchange) -> None:
    exchange.answer(416, {"Content-Range": f"bytes */{HALF}"})


@pytest.mark.parametrize(
    "bad",
    [ignores_if_range, nameless, wrong_place, wrong_end, end_unknown, no_place, lying_length, another_length, beyond],
)
def test_an_answer_that_does_not_continue_the_file_makes_it_start_over(
    bench: Bench, server: SourceSimulator, bad: upstream.Respond
) -> None:
    cut(server)
    broken(bench, WantedFile(server.url("/a"), "a"))
    server.on("/a", bad, upstream.file(OTHER, etag='"2"'))
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"), FetchOptions(attempts=2))) == OTHER
    assert "range" not in server.seen[2].headers


@pytest.mark.parametrize("bad", [ignores_if_range, wrong_place, another_length, beyond])
def test_such_an_answer_is_named(bench: Bench, server: SourceSimulator, bad: upstream.Respond) -> None:
    cut(server)
    broken(bench, WantedFile(server.url("/a"), "a"))
    server.on("/a", bad)
    assert broken(bench, WantedFile(server.url("/a"), "a")) == "http.range"
    assert kept(bench) == []


def test_a_file_that_was_changed_under_the_same_validator_is_found_by_its_checksum(
    bench: Bench, server: SourceSimulator
) -> None:
    cut(server)
    wanted = WantedFile(server.url("/a"), "a", check=Checksum("sha256", hashlib.sha256(OTHER).hexdigest()))
    broken(bench, wanted)
    server.serve("/a", OTHER, etag='"1"')
    assert broken(bench, wanted) == "http.checksum"
    assert content(bench, fetch(bench, wanted)) == OTHER


@pytest.mark.parametrize(
    "headers", [{"etag": 'W/"1"'}, {}, {"last_modified": "Tue, 01 Jan 2030 00:00:00 GMT"}], ids=str
)
def test_without_a_strong_validator_nothing_is_continued(
    bench: Bench, server: SourceSimulator, headers: dict[str, str]
) -> None:
    server.on("/a", upstream.cut_after(HALF, upstream.file(BODY, **headers)))
    broken(bench, WantedFile(server.url("/a"), "a"))
    server.serve("/a", BODY, **headers)
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"))) == BODY
    assert "range" not in server.seen[1].headers


def test_a_date_long_before_the_answer_is_a_strong_validator(bench: Bench, server: SourceSimulator) -> None:
    headers = {"last_modified": "Tue, 01 Jan 2019 00:00:00 GMT"}
    server.on("/a", upstream.cut_after(HALF, upstream.file(BODY, **headers)))
    broken(bench, WantedFile(server.url("/a"), "a"))
    server.serve("/a", BODY, **headers)
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"))) == BODY
    assert server.seen[1].headers["if-range"] == headers["last_modified"]
    assert server.seen[1].status == 206


def test_a_part_with_another_date_than_the_one_that_was_begun_makes_it_start_over(
    bench: Bench, server: SourceSimulator
) -> None:
    old, new = "Tue, 01 Jan 2019 00:00:00 GMT", "Wed, 02 Jan 2019 00:00:00 GMT"
    server.on("/a", upstream.cut_after(HALF, upstream.file(BODY, last_modified=old)))
    broken(bench, WantedFile(server.url("/a"), "a"))
    span = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
    server.on(
        "/a",
        lambda exchange: exchange.answer(206, {"Last-Modified": new, "Content-Range": span}, OTHER[HALF:]),
        upstream.file(OTHER, last_modified=new),
    )
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"), FetchOptions(attempts=2))) == OTHER


def test_a_part_of_unknown_length_does_not_end_a_file_that_never_said_its_own(
    bench: Bench, server: SourceSimulator
) -> None:
    def begun(exchange: Exchange) -> None:
        body = b"%x\r\n%b\r\n" % (HALF, BODY[:HALF])
        exchange.answer(200, {"Transfer-Encoding": "chunked", "ETag": '"1"'}, body)
        exchange.hang_up()

    server.on("/a", begun, end_unknown, upstream.file(BODY, etag='"1"'))
    assert broken(bench, WantedFile(server.url("/a"), "a")) == "http.truncated"
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"), FetchOptions(attempts=2))) == BODY


def test_what_an_earlier_boot_left_incomplete_is_not_believed(bench: Bench, server: SourceSimulator) -> None:
    cut(server)
    broken(bench, WantedFile(server.url("/a"), "a"))
    note = kept(bench)[0].with_suffix(".json")
    note.write_bytes(strictjson.encode_json({**json.loads(note.read_bytes()), "boot": "an earlier one"}))
    server.serve("/a", BODY, etag='"1"')
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"))) == BODY
    assert server.seen[1].status == 200


def test_a_file_that_came_whole_before_another_failed_is_not_fetched_again(
    bench: Bench, server: SourceSimulator
) -> None:
    server.serve("/a", BODY, etag='"1"')
    bench.configure("s", "http", urls=[server.url("/a"), server.url("/b")], parallel=1)
    assert [failure.error.code for failure in bench.pull_all().failures] == ["http.status"]
    assert len(kept(bench)) == 1
    server.serve("/b", b"b")
    assert bench.pull_all().failures == ()
    assert [seen.status for seen in server.seen if seen.path == "/a"] == [200, 304]
    assert not (bench.home.fetching / "partial" / "s").exists()


@pytest.mark.parametrize("damage", ["data", "note"])
def test_damage_to_what_is_kept_costs_a_download_and_no_more(
    bench: Bench, server: SourceSimulator, damage: str
) -> None:
    server.serve("/a", BODY, etag='"1"')
    bench.configure("s", "http", urls=[server.url("/a"), server.url("/b")], parallel=1)
    bench.pull_all()
    (data,) = kept(bench)
    file = data if damage == "data" else data.with_suffix(".json")
    file.unlink()
    file.write_bytes(OTHER)
    server.serve("/b", b"b")
    result = bench.pull_all()
    assert result.targets["s"][0].sha256 == hashlib.sha256(BODY).hexdigest()
    assert [seen.status for seen in server.seen if seen.path == "/a"] == [200, 200]


def test_nobody_writes_into_what_became_content(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY, etag='"1"')
    first = fetch(bench, WantedFile(server.url("/a"), "a"))
    (data,) = kept(bench)
    assert os.stat(data).st_nlink == 2
    data.with_suffix(".json").unlink()
    server.serve("/a", OTHER, etag='"2"')
    assert content(bench, fetch(bench, WantedFile(server.url("/a"), "a"))) == OTHER
    assert content(bench, first) == BODY


def test_what_nobody_came_back_for_is_removed(bench: Bench, server: SourceSimulator) -> None:
    cut(server)
    broken(bench, WantedFile(server.url("/a"), "a"))
    (data,) = kept(bench)
    bench.now += timedelta(days=13)
    with bench.workbench() as work, Fetcher(ONCE, work, "s"):
        assert len(list(data.parent.iterdir())) == 2
    bench.now += timedelta(days=2)
    with bench.workbench() as work, Fetcher(ONCE, work, "s"):
        assert list(data.parent.iterdir()) == []


def test_downloads_of_sources_that_are_gone_are_swept(bench: Bench, server: SourceSimulator) -> None:
    cut(server)
    broken(bench, WantedFile(server.url("/a"), "a"))
    partial.sweep_downloads(bench.home.fetching, {"s"})
    assert len(kept(bench)) == 1
    partial.sweep_downloads(bench.home.fetching, {"other"})
    assert not (bench.home.fetching / "partial" / "s").exists()


def test_bundle_gc_removes_downloads_of_sources_that_are_gone(bench: Bench, server: SourceSimulator) -> None:
    cut(server)
    broken(bench, WantedFile(server.url("/a"), "a"))
    bench.configure("s", "http", urls=[server.url("/a")])
    collect_garbage(bench.context)
    assert len(kept(bench)) == 1
    collect_garbage(replace(bench.context, config=Config("acme")), dry_run=True)
    assert len(kept(bench)) == 1
    collect_garbage(replace(bench.context, config=Config("acme")))
    assert kept(bench) == []


def test_a_file_on_another_file_system_is_copied_into_the_batch(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        path = Path(elsewhere) / "file"
        path.write_bytes(BODY)
        assert os.stat(path).st_dev != os.stat(bench.home.temporary).st_dev
        blob = Blob(hashlib.sha256(BODY).hexdigest(), len(BODY))
        with bench.store.batch() as batch:
            batch.take(path, blob)
            batch.commit()
        assert path.exists()
    assert b"".join(bench.store.read(blob.sha256)) == BODY


def test_an_immutable_file_that_came_whole_is_taken_without_asking(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    wanted = WantedFile(server.url("/a"), "a", immutable=True)
    fetch(bench, wanted)
    assert content(bench, fetch(bench, wanted)) == BODY
    assert len(server.seen) == 1
