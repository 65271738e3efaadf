"""What bad upstreams do to any kind: an exact refusal, and yesterday's good content is sealed, its age stated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bundler.config import load_config
from bundler.context import Context
from bundler.jobs.create import BundleOrder, create_bundles
from bundler.jobs.init import NewPublisher, create_publisher
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult
from bundler.repository.signers import signers_of
from manifests.manifest import Manifest
from manifests.progress import NoProgress
from tests.support import source_simulator as upstream
from tests.support.source_simulator import Respond, SourceSimulator

YESTERDAY = datetime(2030, 1, 1, 6, 0, 0, tzinfo=UTC)
GOOD = b"alert tcp any any\n" * 10_000
FORGED = GOOD[::-1]
PATH = "/rules.tar"


@dataclass
class Publisher:
    """A publisher with one source ``feed``, under a clock that the test sets."""

    path: Path
    now: datetime = YESTERDAY

    def configure(self, **options: Any) -> None:
        if not self.path.exists():
            self.home = create_publisher(self.path, NewPublisher("plant"), self.now)
            self._begin = self.home.config.read_text("utf-8")
        lines = "".join(f"{key} = {_toml(value)}\n" for key, value in options.items())
        self.home.config.write_text(f'{self._begin}\n[[source]]\nname = "feed"\nkind = "http"\n{lines}', "utf-8")
        self.config = load_config(self.home.config)

    def pull(self) -> PullResult:
        return pull_all(self.context, pause=list[float]().append)

    @property
    def context(self) -> Context:
        return Context(self.home, self.config, lambda: self.now, NoProgress())

    def seal(self) -> Manifest:
        order = BundleOrder(out=self.path / "out", tool="sealift test", pull=False, allow_partial=True)
        signers = signers_of(self.home, self.config)
        return create_bundles(self.context, order, signers).files[0].manifest


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.fixture
def server() -> Iterator[SourceSimulator]:
    with SourceSimulator() as simulator:
        simulator.serve(PATH, GOOD, etag='"good"')
        yield simulator


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "home")


def refused(publisher: Publisher, code: str) -> PullResult:
    """Pull a day later, expect exactly this refusal, and yesterday's content in the next bundle, with its age."""
    publisher.now = YESTERDAY + timedelta(days=1)
    result = publisher.pull()
    assert [(failure.name, failure.error.code) for failure in result.failures] == [("feed", code)]
    manifest = publisher.seal()
    (record,) = manifest.sources
    assert record.pulled_at == YESTERDAY
    assert f"[{code}]" in str(record.failure)
    assert {target.sha256 for target in manifest.targets} == {hashlib.sha256(GOOD).hexdigest()}
    assert not list(publisher.home.temporary.iterdir())
    return result


def sealed_yesterday(publisher: Publisher, server: SourceSimulator, **options: Any) -> None:
    publisher.configure(**{"urls": [server.url(PATH)], "timeout_seconds": 2, **options})
    assert publisher.pull().failures == ()
    assert publisher.seal().sources[0].failure is None


def chain(server: SourceSimulator) -> Respond:
    for number in range(9):
        server.on(f"/{number}", upstream.redirect(f"/{number + 1}"))
    return upstream.redirect("/0")


CASES: dict[str, tuple[Callable[[SourceSimulator], Respond], str]] = {
    "says nothing": (lambda _: upstream.stalled(), "http.timeout"),
    "stalls in the middle": (lambda _: upstream.stalled(FORGED[:1000], length=len(FORGED)), "http.timeout"),
    "breaks off": (lambda _: upstream.truncated(FORGED, 1), "http.truncated"),
    "breaks off a chunked body": (lambda _: upstream.chunked_broken(FORGED), "http.truncated"),
    "announces more than there is": (lambda _: upstream.lying(FORGED, len(FORGED) + 1), "http.truncated"),
    "announces nonsense": (lambda _: lambda e: e.answer(200, {"Content-Length": "-5"}), "http.protocol"),
    "redirects in a circle": (lambda _: upstream.redirect(PATH), "http.redirects"),
    "redirects without end": (chain, "http.redirects"),
    "redirects to a file": (lambda _: upstream.redirect("file:///etc/passwd"), "http.redirect-target"),
    "answers 407": (lambda _: upstream.status(407, proxy_authenticate="Basic"), "http.proxy"),
    "is busy until tomorrow": (lambda _: upstream.status(429, retry_after=86400), "http.busy"),
    "is down until tomorrow": (lambda _: upstream.status(503, retry_after=86400), "http.busy"),
    "is broken": (lambda _: upstream.status(500), "http.server"),
    "lost the file": (lambda _: upstream.status(404), "http.status"),
    "forbids": (lambda _: upstream.status(403), "http.status"),
    "sends a part that nobody asked for": (lambda _: upstream.status(206), "http.status"),
    "is a captive portal": (lambda _: upstream.portal(), "http.captive-portal"),
    "is a portal in disguise": (lambda _: upstream.portal("application/octet-stream"), "http.captive-portal"),
    "sends 10 GB for 1 MB": (lambda _: upstream.stalled(b"x", length=10 * 10**9), "http.too-large"),
    "sends without end": (lambda _: upstream.endless(), "http.too-large"),
    "compresses": (lambda _: upstream.file(FORGED, content_encoding="br"), "http.encoding"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_upstream_that(case: str, publisher: Publisher, server: SourceSimulator) -> None:
    sealed_yesterday(publisher, server, max_bytes=1_000_000)
    misbehave, code = CASES[case]
    server.on(PATH, misbehave(server))
    refused(publisher, code)


def test_an_upstream_that_changes_a_file_between_two_ranges_is_found_out_by_its_checksum(
    publisher: Publisher, server: SourceSimulator
) -> None:
    server.serve(f"{PATH}.sha256", hashlib.sha256(GOOD).hexdigest().encode())
    sealed_yesterday(publisher, server, checksum="sha256")
    server.serve(f"{PATH}.sha256", hashlib.sha256(FORGED).hexdigest().encode())
    server.on(PATH, upstream.changing([FORGED, GOOD], len(GOOD) // 2))
    refused(publisher, "http.checksum")
    assert [seen.status for seen in server.seen if seen.path == PATH][:3] == [200, 200, 206]


def test_an_upstream_that_changes_a_file_between_two_ranges_and_says_so_gives_the_new_one_whole(
    publisher: Publisher, server: SourceSimulator
) -> None:
    sealed_yesterday(publisher, server)
    newer = b"newer " + FORGED
    server.on(
        PATH, upstream.cut_after(len(GOOD) // 2, upstream.file(FORGED, etag='"2"')), upstream.file(newer, etag='"3"')
    )
    assert publisher.pull().failures == ()
    assert [target.sha256 for target in publisher.seal().targets] == [hashlib.sha256(newer).hexdigest()]
    assert [seen.headers.get("if-range") for seen in server.seen][-1] == '"2"'


def test_a_host_that_cools_down_is_not_asked_again_and_says_until_when(
    publisher: Publisher, server: SourceSimulator
) -> None:
    sealed_yesterday(publisher, server)
    server.on(PATH, upstream.status(429, retry_after=86_400))
    refused(publisher, "http.busy")
    asked = len(server.seen)
    publisher.now += timedelta(hours=23)
    (failure,) = publisher.pull().failures
    assert (failure.error.code, failure.error.have) == ("http.cooling-down", "until 2030-01-03T06:00:00Z")
    assert len(server.seen) == asked
    assert "[http.cooling-down]" in str(publisher.seal().sources[0].failure)
    publisher.now += timedelta(hours=1)
    server.serve(PATH, GOOD, etag='"good"')
    assert publisher.pull().failures == ()
    assert publisher.seal().sources[0].failure is None


def test_an_upstream_that_serves_an_older_version_than_yesterday_is_refused_unless_allowed(
    publisher: Publisher, server: SourceSimulator
) -> None:
    server.serve("/latest", b"7.2")
    server.serve("/rules-7.2.tar", GOOD)
    options = {
        "template": server.url("/rules-{version}.tar"),
        "path": "rules.tar",
        "probe": {"url": server.url("/latest"), "pattern": "([0-9.]+)"},
    }
    publisher.configure(**options)
    assert publisher.pull().failures == ()
    server.serve("/latest", b"7.1")
    server.serve("/rules-7.1.tar", FORGED)
    result = refused(publisher, "source.older")
    assert result.failures[0].error.have == "7.2 pulled before, 7.1 upstream"
    publisher.configure(**options, allow_older=True)
    assert publisher.pull().failures == ()
    assert publisher.seal().sources[0].version == "7.1"


def test_an_upstream_without_a_trusted_certificate_or_with_none_is_refused(
    publisher: Publisher, server: SourceSimulator, tmp_path: Path
) -> None:
    with SourceSimulator(ca_directory=tmp_path) as secure:
        secure.serve(PATH, GOOD, etag='"good"')
        publisher.configure(urls=[secure.url(PATH)], ca=str(tmp_path / "ca.pem"))
        assert publisher.pull().failures == ()
        publisher.configure(urls=[secure.url(PATH)])
        refused(publisher, "http.tls")
        secure.on(PATH, upstream.redirect(server.url(PATH)))
        publisher.configure(urls=[secure.url(PATH)], ca=str(tmp_path / "ca.pem"))
        refused(publisher, "http.redirect-downgrade")
    refused(publisher, "http.connect")
    assert server.seen == []


def test_a_name_that_does_not_exist_is_told_as_such(publisher: Publisher, server: SourceSimulator) -> None:
    publisher.configure(urls=["http://nowhere.invalid/rules.tar"], timeout_seconds=5)
    (failure,) = publisher.pull().failures
    assert failure.error.code == "http.connect"
    assert "Error" not in str(failure.error.have)
