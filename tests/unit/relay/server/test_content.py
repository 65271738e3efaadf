"""Answers for files, without a socket."""

from __future__ import annotations

from datetime import timedelta

import pytest

from relay.server.app import Application
from relay.server.content import CACHE_BYTES, SMALL_FILE_BYTES, BlobCache, DamagedBlob
from relay.server.messages import FilePart
from tests.support.relay_server import LARGE, NOW, SMALL, GivenViews, add, sha256, view_of
from tests.support.requests_by_hand import field, get

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


def body_of(response):
    if isinstance(response.body, FilePart):
        with open(response.body.path, "rb") as file:
            return file.read()[response.body.start : response.body.end]
    return response.body


@pytest.mark.parametrize(("path", "content"), [("/s/small.txt", SMALL), ("/s/large.bin", LARGE), ("/s/empty", b"")])
def test_a_file_comes_whole_with_its_validators_and_length(served, path, content):
    response = served[0].respond(get(path))
    assert response.status == 200
    assert body_of(response) == content
    assert field(response, "etag") == f'"{sha256(content)}"'
    assert field(response, "last-modified") == DATE
    assert field(response, "content-length") == str(len(content))
    assert field(response, "accept-ranges") == "bytes"
    assert field(response, "cache-control") == "no-cache"
    assert field(response, "x-content-type-options") == "nosniff"
    assert field(response, "content-encoding") is None


def test_small_content_is_held_in_memory_and_large_content_stays_on_disk(served):
    assert isinstance(served[0].respond(get("/s/small.txt")).body, bytes)
    part = served[0].respond(get("/s/large.bin")).body
    assert part == FilePart(part.path, 0, len(LARGE), len(LARGE))


@pytest.mark.parametrize(("path", "content"), [("/s/small.txt", SMALL), ("/s/large.bin", LARGE)])
@pytest.mark.parametrize(
    ("header", "start", "end"), [("bytes=0-4", 0, 5), ("bytes=5-", 5, None), ("bytes=-3", -3, None)]
)
def test_one_range_is_206_with_its_place(served, path, content, header, start, end):
    response = served[0].respond(get(path, ("Range", header)))
    expected = content[start:end]
    first = content.index(expected) if start >= 0 else len(content) - 3
    assert response.status == 206
    assert body_of(response) == expected
    assert field(response, "content-range") == f"bytes {first}-{first + len(expected) - 1}/{len(content)}"
    assert field(response, "content-length") == str(len(expected))
    assert field(response, "etag") == f'"{sha256(content)}"'
    assert field(response, "last-modified") == DATE


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "bytes=4-1", "lines=0-1", "bytes=x"])
def test_several_ranges_and_broken_ones_are_served_whole(served, header):
    response = served[0].respond(get("/s/small.txt", ("Range", header)))
    assert (response.status, response.body) == (200, SMALL)


def test_two_range_lines_are_served_whole(served):
    response = served[0].respond(get("/s/small.txt", ("Range", "bytes=0-1"), ("Range", "bytes=3-4")))
    assert (response.status, response.body) == (200, SMALL)


def test_a_range_past_the_end_is_416_with_the_length(served):
    response = served[0].respond(get("/s/large.bin", ("Range", f"bytes={len(LARGE)}-")))
    assert response.status == 416
    assert field(response, "content-range") == f"bytes */{len(LARGE)}"


def test_if_range_with_the_tag_or_the_exact_date_keeps_the_range(served):
    for value, status in [
        (f'"{sha256(SMALL)}"', 206),
        (DATE, 206),
        ('"other"', 200),
        (f'W/"{sha256(SMALL)}"', 200),
        ("Sun, 22 Nov 2026 12:00:00 GMT", 200),
    ]:
        response = served[0].respond(get("/s/small.txt", ("Range", "bytes=0-4"), ("If-Range", value)))
        assert (value, response.status) == (value, status)


def test_304_beats_range_and_carries_the_validators_and_no_content(served):
    tag = f'"{sha256(SMALL)}"'
    response = served[0].respond(get("/s/small.txt", ("If-None-Match", tag), ("Range", "bytes=0-4")))
    assert (response.status, response.body) == (304, b"")
    assert field(response, "etag") == tag
    assert field(response, "last-modified") == DATE
    assert field(response, "cache-control") == "no-cache"
    assert field(response, "content-length") is None


def test_a_tag_on_a_second_line_counts_too(served):
    lines = [("If-None-Match", '"x"'), ("If-None-Match", f'"{sha256(SMALL)}"')]
    assert served[0].respond(get("/s/small.txt", *lines)).status == 304


def test_a_newer_file_with_an_older_date_is_not_304_for_a_client_that_sends_its_own_download_time(store):
    old, new = add(store, b"old", b"new")
    views = GivenViews(view_of({"s/db": (old, NOW)}))
    application = Application(views, store, lambda: NOW, print)
    views.view = view_of({"s/db": (new, NOW - timedelta(days=400))}, generation=8)
    response = application.respond(get("/s/db", ("If-Modified-Since", "Sat, 21 Nov 2026 13:00:00 GMT")))
    assert (response.status, response.body) == (200, b"new")


def test_a_condition_that_fails_is_412(served):
    assert served[0].respond(get("/s/small.txt", ("If-Match", '"x"'))).status == 412


def test_head_has_the_fields_of_get_and_ignores_range(served):
    for path in ("/s/small.txt", "/s/large.bin", "/absent", "/-/healthz"):
        head, whole = served[0].respond(get(path, ("Range", "bytes=0-1"), method="HEAD")), served[0].respond(get(path))
        assert (head.status, head.headers) == (whole.status, whole.headers)


def test_the_query_is_ignored(served):
    assert served[0].respond(get("/s/small.txt", query="version=7&x=%00")).body == SMALL


def test_an_absent_file_is_404(served):
    response = served[0].respond(get("/s/none"))
    assert (response.status, field(response, "content-length")) == (404, str(len(response.body)))


def test_content_addressed_names_may_be_kept_for_ever(served):
    name = f"/-/tuf/targets/s/{sha256(SMALL)}.small.txt"
    response = served[0].respond(get(name))
    assert (response.status, response.body) == (200, SMALL)
    assert field(response, "cache-control") == "public, max-age=31536000, immutable"
    assert field(response, "etag") == f'"{sha256(SMALL)}"'


def test_metadata_has_a_tag_and_only_versioned_names_may_be_kept(served):
    timestamp, root = (served[0].respond(get(f"/-/tuf/metadata/{name}")) for name in ("timestamp.json", "1.root.json"))
    assert (timestamp.body, field(timestamp, "content-type")) == (b'{"timestamp":7}', "application/json")
    assert field(timestamp, "cache-control") == "no-cache"
    assert field(root, "cache-control") == "public, max-age=31536000, immutable"
    again = get("/-/tuf/metadata/timestamp.json", ("If-None-Match", field(timestamp, "etag")))
    assert served[0].respond(again).status == 304


@pytest.mark.parametrize(("path", "content"), [("/s/small.txt", SMALL), ("/s/large.bin", LARGE)])
def test_a_missing_blob_is_503_and_reported_once(served, store, path, content):
    store.path(sha256(content)).unlink()
    responses = [served[0].respond(get(path)) for _ in range(3)]
    assert [response.status for response in responses] == [503, 503, 503]
    assert field(responses[0], "retry-after") == "30"
    assert served[1] == [DamagedBlob(sha256(content), path[1:], len(content), None)]


@pytest.mark.parametrize(("path", "content"), [("/s/small.txt", SMALL), ("/s/large.bin", LARGE)])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_blob_of_the_wrong_size_is_503_and_never_served(served, store, path, content, change):
    blob = store.path(sha256(content))
    blob.chmod(0o644)
    blob.write_bytes(content[:change] if change < 0 else content + b"x")
    assert served[0].respond(get(path)).status == 503
    assert served[1] == [DamagedBlob(sha256(content), path[1:], len(content), len(content) + change)]


def test_a_small_blob_with_one_wrong_bit_is_never_served(served, store):
    blob = store.path(sha256(SMALL))
    blob.chmod(0o644)
    blob.write_bytes(b"S" + SMALL[1:])
    assert served[0].respond(get("/s/small.txt")).status == 503
    assert served[1] == [DamagedBlob(sha256(SMALL), "s/small.txt", len(SMALL), len(SMALL))]


def test_the_cache_holds_no_more_than_its_capacity_and_drops_the_least_recently_used(store):
    blobs = add(store, *(bytes([number]) * 100 for number in range(5)))
    cache = BlobCache(store, capacity_bytes=300)
    for blob in (*blobs[:3], blobs[0], blobs[3]):
        assert cache.load_blob(blob.sha256, blob.length) is not None
    assert list(cache._loaded) == [blobs[2].sha256, blobs[0].sha256, blobs[3].sha256]
    assert cache._bytes == 300


def test_the_cache_is_bounded():
    assert SMALL_FILE_BYTES * 8 <= CACHE_BYTES <= 64 * 1024 * 1024
