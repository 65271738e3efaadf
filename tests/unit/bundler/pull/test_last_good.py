"""What can be sealed without asking any upstream."""

from __future__ import annotations

from pathlib import Path

from bundler.pull.last_good import read_last_good
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


def test_what_was_pulled_is_remembered_without_asking_upstream(bench: Bench, server: SourceSimulator) -> None:
    pulled = bench.pull_all()
    asked = len(server.seen)
    remembered = read_last_good(bench.home, bench.config)
    assert (remembered.records, remembered.targets, remembered.failures) == (pulled.records, pulled.targets, ())
    assert len(server.seen) == asked


def test_a_failure_is_remembered_until_the_next_good_pull(bench: Bench, server: SourceSimulator) -> None:
    bench.pull_all()
    server.on("/b", upstream.status(404), upstream.file(b"b"))
    bench.pull_all()
    remembered = read_last_good(bench.home, bench.config)
    assert [(failure.name, failure.error.code) for failure in remembered.failures] == [("web", "http.status")]
    assert [record.name for record in remembered.records if record.failure] == ["web"]
    assert bench.pull_all().failures == ()
    assert read_last_good(bench.home, bench.config).failures == ()


def test_a_source_that_was_never_pulled_is_a_failure_that_says_what_to_type(bench: Bench) -> None:
    result = read_last_good(bench.home, bench.config)
    assert [(f.name, f.error.code, f.error.todo) for f in result.failures] == [
        ("files", "pull.never", "bundle pull files"),
        ("web", "pull.never", "bundle pull web"),
    ]


def test_content_that_is_gone_is_a_failure(bench: Bench) -> None:
    result = bench.pull_all()
    bench.store.path(result.targets["web"][0].sha256).unlink()
    assert [(f.name, f.error.code) for f in read_last_good(bench.home, bench.config).failures] == [
        ("web", "pull.content-lost")
    ]


def test_a_changed_configuration_voids_what_was_pulled_before(bench: Bench, tmp_path: Path) -> None:
    bench.pull_all()
    bench.configure("files", "directory", path=str(tmp_path / "tree"), exclude=["secret*"])
    result = read_last_good(bench.home, bench.config)
    assert [(f.name, f.error.code) for f in result.failures] == [("files", "pull.configuration-changed")]
    assert list(result.targets) == ["web"]


def test_how_a_source_is_fetched_does_not_void_what_was_pulled(bench: Bench, server: SourceSimulator) -> None:
    bench.pull_all()
    bench.configure("web", "http", urls=[server.url("/b")], timeout_seconds=9)
    assert read_last_good(bench.home, bench.config).failures == ()
