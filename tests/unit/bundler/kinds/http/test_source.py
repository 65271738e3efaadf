from __future__ import annotations

import hashlib
from typing import Any

import pytest

from manifests.errors import ConfigurationError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make, refused_urls
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 10_000
SHA256 = hashlib.sha256(BODY).hexdigest()
SHA512 = hashlib.sha512(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
FAST: dict[str, Any] = {"timeout_seconds": 0.3}


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
    assert refused_urls(bench, server.url("/a")).code == "http.status"


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
    error = refused_urls(bench, {"url": server.url("/a"), "sha256": SHA256})
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


def test_a_checksum_read_just_before_its_file_was_replaced_is_read_again(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.on("/a.md5", upstream.file(b"0" * 32), upstream.file(MD5.encode()))
    pulled = bench.pull(make("http", urls=[{"url": server.url("/a"), "md5_url": server.url("/a.md5")}]))
    assert bench.contents(pulled) == {"a": BODY}
    assert len(bench.pauses) == 1


@pytest.mark.parametrize("key", ["each", "all"])
def test_one_list_for_many_files_is_asked_for_once(bench: Bench, server: SourceSimulator, key: str) -> None:
    bodies = {f"f{number}.rules": BODY + b"%d" % number for number in range(12)}
    for name, body in bodies.items():
        server.serve(f"/r/{name}", body)
    sums = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in bodies.items())
    server.serve("/r/SUMS", sums.encode())
    at, urls = server.url("/r/SUMS"), [server.url(f"/r/{name}") for name in bodies]
    each: dict[str, Any] = {"urls": [{"url": url, "sha256_url": at} for url in urls]}
    source = make("http", **(each if key == "each" else {"urls": urls, "sha256_url": at}))
    first = bench.pull(source)
    assert bench.contents(first) == bodies
    assert server.asked("/r/SUMS") == 1
    with bench.workbench(first) as work:
        source.check(work)
    assert server.asked("/r/SUMS") == 2


def test_a_list_is_found_by_the_version_of_a_template(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/LATEST", b"v1.4.2")
    server.serve("/1.4.2/rules.tgz", BODY)
    server.serve("/1.4.2/SHA256SUMS", f"{SHA256}  rules-1.4.2.tgz\n".encode())
    options = {"template": server.url("/{version}/rules.tgz"), "sha256_url": server.url("/{version}/SHA256SUMS")}
    probe = {"url": server.url("/LATEST"), "pattern": "v([0-9.]+)"}
    assert bench.contents(bench.pull(make("http", **options, probe=probe))) == {"rules.tgz": BODY}


def test_a_checksum_that_never_fits_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.serve("/a.md5", b"0" * 32)
    assert refused_urls(bench, {"url": server.url("/a"), "md5_url": server.url("/a.md5")}).code == "http.checksum"


def test_a_token_in_a_query_is_sent_and_never_shown(bench: Bench, server: SourceSimulator) -> None:
    error = refused_urls(bench, server.url("/a?token=secret"))
    assert server.seen[0].path == "/a?token=secret"
    assert "secret" not in str(error)


def test_one_failing_file_fails_the_source_and_leaves_nothing(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    assert refused_urls(bench, server.url("/a"), server.url("/b")).code == "http.status"
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
        ({"urls": ["https://h/a"], "checksum": "md5", "sha256_url": "https://h/b"}, "source.checksum"),
        ({"urls": ["https://h/a"], "md5_url": "https://h/b", "sha256_url": "https://h/b"}, "source.checksum"),
        ({"urls": ["https://h/a"], "md5_url": "https://h:x/b"}, "source.url"),
        ({"urls": ["https://h/a"], "ca": "ca.pem"}, "source.path"),
        ({"urls": ["https://h/a"], "ca": "/nonexistent/ca.pem"}, "source.path"),
    ],
)
def test_options_that_cannot_work_are_refused_at_configuration(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("http", **options)
    assert caught.value.code == code
