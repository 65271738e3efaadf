"""The rules for what any kind of source yields."""

from __future__ import annotations

import hashlib

from bundler.pull.check import check_all
from manifests.manifest import Target
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


def target(path: str, content: bytes) -> Target:
    return Target(path, len(content), hashlib.sha256(content).hexdigest())


def test_include_and_exclude_hold_for_every_kind(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/c.tmp", b"c")
    urls = [server.url("/b"), server.url("/c.tmp")]
    bench.configure("web", "http", urls=urls, exclude=["*.tmp"])
    first = bench.pull_all("web")
    assert first.targets == {"web": (target("web/b", b"b"),)}
    assert bench.pull_all("web").unchanged == ("web",)
    (checked,) = check_all(bench.context, ["web"])
    assert checked.check is not None
    assert [found.path for found in checked.check.targets] == ["b"]


def test_globs_that_leave_nothing_are_an_error_that_names_them(bench: Bench) -> None:
    bench.configure("web", "http", urls=bench.config.sources[1].options["urls"], include=["*.cvd"])
    (failure,) = bench.pull_all("web").failures
    assert (failure.error.code, failure.error.have) == ("source.nothing-included", "1 file, the first is b")
