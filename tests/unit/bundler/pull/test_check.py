"""Asking the upstreams, and storing nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.pull.check import check_all, find_contradictions
from manifests.errors import ConfigurationError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


def records(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((home / "sources").glob("*"))}


def test_check_stores_nothing_and_names_what_fails(bench: Bench, server: SourceSimulator) -> None:
    server.on("/b", upstream.portal())
    results = check_all(bench.context, pause=bench.pauses.append)
    assert [(r.name, r.error.code if r.error else None) for r in results] == [
        ("files", None),
        ("web", "http.captive-portal"),
    ]
    assert records(bench.path) == {}


def test_check_names_a_password_that_is_not_there_and_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    given = {"host": "upstream.example", "user": "u", "password_env": "NO_SUCH_PASSWORD"}
    bench.configure("closed", "http", urls=["https://upstream.example/a"], credentials=given)
    bench.sources.reverse()
    results = check_all(bench.context)
    assert [(r.name, r.error.code if r.error else None) for r in results] == [
        ("closed", "source.credentials"),
        ("web", None),
        ("files", None),
    ]


def test_options_that_contradict_each_other_do_not_keep_the_others_from_being_asked(bench: Bench) -> None:
    bench.configure("both", "http")
    bench.sources.reverse()
    found = {result.name: result.error for result in check_all(bench.context, pause=bench.pauses.append)}
    assert isinstance(found["both"], ConfigurationError)
    assert found["files"] is None
    assert [str(error) for error in find_contradictions(bench.config)] == [str(found["both"])]
