from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from bundler.pull.last_good import read_last_good
from manifests.errors import ConfigurationError, StorageError, UsageError
from manifests.manifest import Target
from manifests.schemas import strictjson
from manifests.text import age_text
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


def target(path: str, content: bytes) -> Target:
    return Target(path, len(content), hashlib.sha256(content).hexdigest())


def records(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((home / "sources").glob("*"))}


def test_every_source_is_pulled_under_its_own_name(bench: Bench) -> None:
    result = bench.pull_all()
    assert result.targets == {"files": (target("files/a", b"a"),), "web": (target("web/b", b"b"),)}
    assert [(r.name, r.kind, r.pulled_at, r.failure) for r in result.records] == [
        ("files", "directory", bench.now, None),
        ("web", "http", bench.now, None),
    ]
    assert result.failures == ()
    assert result.unchanged == ()


def test_only_the_named_sources_are_pulled(bench: Bench, server: SourceSimulator) -> None:
    assert list(bench.pull_all("files").targets) == ["files"]
    assert server.seen == []


def test_a_source_that_is_not_configured_is_a_usage_error_and_nothing_is_pulled(bench: Bench) -> None:
    with pytest.raises(UsageError) as caught:
        bench.pull_all("files", "wbe")
    assert caught.value.code == "pull.unknown-source"
    assert records(bench.path) == {}


def test_a_second_pull_of_the_same_is_unchanged_and_younger(bench: Bench) -> None:
    first = bench.pull_all()
    bench.now += timedelta(hours=6)
    second = bench.pull_all()
    assert second.targets == first.targets
    assert second.unchanged == ("files", "web")
    assert {record.pulled_at for record in second.records} == {bench.now}


def test_a_failing_source_keeps_its_last_good_content_and_says_why_and_from_when(
    bench: Bench, server: SourceSimulator
) -> None:
    pulled = bench.pull_all()
    then, bench.now = bench.now, bench.now + timedelta(days=1)
    server.on("/b", upstream.status(404))
    result = bench.pull_all()
    assert result.targets == pulled.targets
    record = next(record for record in result.records if record.name == "web")
    assert record.pulled_at == then
    assert record.failure == f"{server.base}/b answered 404 Not Found. [http.status]"
    assert [(failure.name, failure.error.code) for failure in result.failures] == [("web", "http.status")]


def test_a_source_that_never_worked_is_a_failure_without_content(bench: Bench, server: SourceSimulator) -> None:
    server.on("/b", upstream.status(404))
    result = bench.pull_all()
    assert list(result.targets) == ["files"]
    assert [record.name for record in result.records] == ["files"]
    assert [failure.name for failure in result.failures] == ["web"]


def test_another_kind_under_the_same_name_starts_anew(bench: Bench, tmp_path: Path) -> None:
    bench.pull_all()
    bench.configure("web", "directory", path=str(tmp_path / "tree"))
    assert [f.error.code for f in read_last_good(bench.home, bench.config).failures] == ["pull.never"]
    assert bench.pull_all("web").targets == {"web": (target("web/a", b"a"),)}


def test_contradicting_options_stop_the_run_before_anything_is_pulled(bench: Bench) -> None:
    bench.configure("bad", "http", urls=["https://h/"])
    with pytest.raises(ConfigurationError) as caught:
        bench.pull_all()
    assert caught.value.code == "source.url"
    assert records(bench.path) == {}


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"format":"other"}', b'{"format":"sealift-source/1","good":[]}'])
def test_a_damaged_record_is_named_with_what_to_do(bench: Bench, damage: bytes) -> None:
    bench.pull_all()
    path = bench.home.sources / "web.json"
    path.write_bytes(damage)
    with pytest.raises(ConfigurationError) as caught:
        bench.pull_all()
    assert caught.value.code == "source.record"
    assert caught.value.todo == "delete it, then: bundle pull web"
    assert str(path) in caught.value.what


def test_a_full_disk_stops_the_run_and_the_old_record_stands(bench: Bench, server: SourceSimulator) -> None:
    bench.pull_all()
    before = records(bench.path)
    server.serve("/b", b"new")
    for entry in bench.home.temporary.iterdir():
        entry.unlink()
    bench.home.temporary.rmdir()
    with pytest.raises(StorageError):
        bench.pull_all()
    after = records(bench.path)
    assert after["web.json"] == before["web.json"]


def test_a_record_is_strict_json_that_a_person_can_read(bench: Bench) -> None:
    bench.pull_all()
    data = (bench.home.sources / "web.json").read_bytes()
    value = strictjson.decode_json(data, name="web.json", max_bytes=10_000)
    assert value["good"]["targets"] == [["b", 1, hashlib.sha256(b"b").hexdigest()]]
    assert data == strictjson.encode_json(json.loads(data))


def test_a_password_that_is_not_there_is_the_failure_of_its_source_alone(
    bench: Bench, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "secret")
    given = {"host": server.base.removeprefix("http://"), "plain_http": True, "user": "u", "password_env": "PASSWORD"}
    bench.configure("closed", "http", urls=[server.url("/b")], credentials=given)
    assert bench.pull_all().failures == ()
    monkeypatch.delenv("PASSWORD")
    result = bench.pull_all()
    assert [(failure.name, failure.error.code) for failure in result.failures] == [("closed", "source.credentials")]
    assert {record.name: record.failure is None for record in result.records} == {
        "files": True,
        "web": True,
        "closed": False,
    }
    assert [target.path for target in result.targets["closed"]] == ["closed/b"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (3_661, "1 hour 1 minute"),
        (86_400, "1 day"),
        (90_060, "1 day 1 hour"),
        (200_000, "2 days 7 hours"),
    ],
)
def test_an_age_is_told_as_people_do(seconds: int, text: str) -> None:
    assert age_text(timedelta(seconds=seconds)) == text
