from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from bundler.kinds import KINDS, kind_class
from bundler.pull.pull import check_all, last_good
from bundler.pull.status import statuses
from manifests import strictjson
from manifests.errors import ConfigurationError, StorageError, UsageError
from manifests.manifest import BlobMember, Manifest, Target, decode_manifest, encode_manifest
from manifests.text import age_text
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


@pytest.fixture
def bench(tmp_path: Path, server: SourceSimulator) -> Bench:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(b"a")
    server.serve("/b", b"b")
    bench = Bench(tmp_path / "home")
    bench.configure("files", "directory", path=str(tmp_path / "tree"))
    bench.configure("web", "http", urls=[server.url("/b")], timeout_seconds=5)
    return bench


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


def test_what_was_pulled_is_remembered_without_asking_upstream(bench: Bench, server: SourceSimulator) -> None:
    pulled = bench.pull_all()
    asked = len(server.seen)
    remembered = last_good(bench.home, bench.config)
    assert (remembered.records, remembered.targets, remembered.failures) == (pulled.records, pulled.targets, ())
    assert len(server.seen) == asked


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


def test_a_failure_is_remembered_until_the_next_good_pull(bench: Bench, server: SourceSimulator) -> None:
    bench.pull_all()
    server.on("/b", upstream.status(404), upstream.file(b"b"))
    bench.pull_all()
    remembered = last_good(bench.home, bench.config)
    assert [(failure.name, failure.error.code) for failure in remembered.failures] == [("web", "http.status")]
    assert [record.name for record in remembered.records if record.failure] == ["web"]
    assert bench.pull_all().failures == ()
    assert last_good(bench.home, bench.config).failures == ()


def test_a_source_that_never_worked_is_a_failure_without_content(bench: Bench, server: SourceSimulator) -> None:
    server.on("/b", upstream.status(404))
    result = bench.pull_all()
    assert list(result.targets) == ["files"]
    assert [record.name for record in result.records] == ["files"]
    assert [failure.name for failure in result.failures] == ["web"]


def test_a_source_that_was_never_pulled_is_a_failure_that_says_what_to_type(bench: Bench) -> None:
    result = last_good(bench.home, bench.config)
    assert [(f.name, f.error.code, f.error.todo) for f in result.failures] == [
        ("files", "pull.never", "bundle pull files"),
        ("web", "pull.never", "bundle pull web"),
    ]


def test_the_manifest_takes_what_a_pull_says_even_of_odd_names(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "tree" / "e\u0301").symlink_to("a")
    bench.configure("files", "directory", path=str(tmp_path / "tree"), skip_links=True)
    result = bench.pull_all("files")
    targets = result.targets["files"]
    blobs = tuple(BlobMember(t.sha256, t.length, "stored", t.sha256, t.length) for t in targets)
    data = encode_manifest(Manifest("acme", 1, 1, bench.now, "test", result.records, targets, (), blobs))
    assert "passed over (first: 'é')" in decode_manifest(data).sources[0].verification


def test_content_that_is_gone_is_a_failure(bench: Bench) -> None:
    result = bench.pull_all()
    bench.store.path(result.targets["web"][0].sha256).unlink()
    assert [(f.name, f.error.code) for f in last_good(bench.home, bench.config).failures] == [
        ("web", "pull.content-lost")
    ]


def test_a_changed_configuration_voids_what_was_pulled_before(bench: Bench, tmp_path: Path) -> None:
    bench.pull_all()
    bench.configure("files", "directory", path=str(tmp_path / "tree"), exclude=["secret*"])
    result = last_good(bench.home, bench.config)
    assert [(f.name, f.error.code) for f in result.failures] == [("files", "pull.configuration-changed")]
    assert list(result.targets) == ["web"]


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
    assert (failure.error.code, failure.error.have) == ("source.nothing-included", "1 files, the first is b")


def test_what_the_operator_says_of_a_source_stands_in_its_record_and_voids_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    bench.pull_all()
    said = {"fresh_days": 7, "licence": "two\nlines", "mount": "/", "deliver": "place", "allow_older": True}
    bench.configure("files", "directory", path=str(tmp_path / "tree"), **said)
    record = last_good(bench.home, bench.config).records[1]
    assert (record.failure, record.version) == (None, None)
    assert (record.fresh_days, record.licence, record.mount, record.deliver) == (7, "two\nlines", "/", "place")


def test_the_manifest_takes_what_the_operator_says(bench: Bench, tmp_path: Path) -> None:
    bench.configure("files", "directory", path=str(tmp_path / "tree"), licence="two\nlines e\u0301", fresh_days=7)
    result = bench.pull_all("files")
    targets = result.targets["files"]
    blobs = tuple(BlobMember(t.sha256, t.length, "stored", t.sha256, t.length) for t in targets)
    (source,) = decode_manifest(
        encode_manifest(Manifest("acme", 1, 1, bench.now, "test", result.records, targets, (), blobs))
    ).sources
    assert (source.licence, source.fresh_days) == ("two lines \xe9", 7)


def test_how_a_source_is_fetched_does_not_void_what_was_pulled(bench: Bench, server: SourceSimulator) -> None:
    bench.pull_all()
    bench.configure("web", "http", urls=[server.url("/b")], timeout_seconds=9)
    assert last_good(bench.home, bench.config).failures == ()


def test_another_kind_under_the_same_name_starts_anew(bench: Bench, tmp_path: Path) -> None:
    bench.pull_all()
    bench.configure("web", "directory", path=str(tmp_path / "tree"))
    assert [f.error.code for f in last_good(bench.home, bench.config).failures] == ["pull.never"]
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


def test_the_state_of_every_source_is_told(bench: Bench, server: SourceSimulator) -> None:
    server.on("/b", upstream.status(404))
    bench.pull_all()
    found = statuses(bench.home, bench.config)
    assert [(s.name, s.targets, s.content_bytes, s.pulled_at) for s in found] == [
        ("files", 1, 1, bench.now),
        ("web", 0, 0, None),
    ]
    assert found[1].failure == f"{server.base}/b answered 404 Not Found. [http.status]"


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


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_registered_kind_has_a_schema_and_knows_its_transport_options(kind: str) -> None:
    cls = kind_class(kind)
    assert cls.OPTIONS_SCHEMA["additionalProperties"] is False
    assert cls.TRANSPORT_OPTIONS.issubset(cls.OPTIONS_SCHEMA["properties"])


def test_a_kind_that_is_not_registered_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind_class("ftp")
    assert caught.value.code == "source.kind"
