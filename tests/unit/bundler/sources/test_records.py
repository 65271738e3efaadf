"""What an upstream must not go back behind is remembered whatever becomes of its last good pull."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.pull.last_good import read_last_good
from bundler.pull.result import PullResult
from bundler.sources.records import PullRecord, load_record, save_record
from bundler.sources.versions import Floor, check_not_older, raise_floor
from manifests.errors import ConfigurationError
from manifests.schemas import strictjson
from tests.support import clamav_forge as forge
from tests.support import dsm_simulator as dsm
from tests.support import source_simulator as upstream
from tests.support.active_update_tree import Tree
from tests.support.benches import Bench
from tests.support.dsm_simulator import DsmSimulator
from tests.support.source_simulator import SourceSimulator

HIGHEST = 10**18 - 1
"""No part of a version is larger; a whole number in JSON is not as large as this."""
VERSIONS = st.lists(st.integers(0, HIGHEST), max_size=4).map(tuple)
FLOORS = st.dictionaries(st.sampled_from(["main", "daily", "PATTERN P.4"]), VERSIONS)


@dataclass
class Upstream:
    """An upstream that can be at any version. ``another``: keys that void what was pulled without them."""

    bench: Bench
    kind: str
    publish: Callable[[int], object]
    options: Mapping[str, Any]
    another: Mapping[str, Any]

    def pull(self, version: int, **options: Any) -> PullResult:
        self.publish(version)
        self.bench.configure("s", self.kind, **{**self.options, **options})
        return self.bench.pull_all()

    def taken(self, version: int, **options: Any) -> None:
        assert self.pull(version, **options).failures == ()

    def refused(self, version: int, **options: Any) -> None:
        """Pull, and see that a record of the failure is all that comes of it."""
        before = self.record
        result = self.pull(version, **options)
        assert [(failed.error.code, failed.error.exit_code) for failed in result.failures] == [("source.older", 22)]
        after = self.record
        assert after.failure is not None
        assert replace(after, failure=None) == replace(before, failure=None)

    @property
    def record(self) -> PullRecord:
        return load_record(self.bench.home.sources, "s", self.kind)


def paged(base: Path, server: SourceSimulator, _: ExitStack) -> Upstream:
    def publish(version: int) -> None:
        server.serve("/latest", f"{version}.0".encode())
        server.serve(f"/rules-{version}.0.tar", b"rules")

    options = {
        "template": server.url("/rules-{version}.tar"),
        "probe": {"url": server.url("/latest"), "pattern": "([0-9.]+)"},
    }
    return Upstream(Bench(base / "home"), "http", publish, options, {"path": "x.tar"})


def counted(base: Path, server: SourceSimulator, _: ExitStack) -> Upstream:
    def publish(version: int) -> None:
        for number in range(1, 10):
            server.on(f"/{number}.zip", upstream.file(b"x") if number <= version else upstream.status(404))

    options = {"template": server.url("/{version}.zip")}
    return Upstream(Bench(base / "home"), "http", publish, options, {"path": "x.zip"})


def clamav(base: Path, server: SourceSimulator, _: ExitStack) -> Upstream:
    def publish(version: int) -> None:
        server.serve("/db/x.cvd", forge.cvd(version), etag=f'"{version}"')

    return Upstream(
        Bench(base / "home"), "clamav", publish, {"url": server.url("/db"), "databases": ["x"]}, {"cdiffs": 3}
    )


def activeupdate(base: Path, server: SourceSimulator, _: ExitStack) -> Upstream:
    def publish(version: int) -> None:
        for path, data in Tree(80, day=version).everything.items():
            server.serve(f"/au/{path}", data, etag=f'"{version}"')

    options = {"url": server.url("/au"), "families": ["vsapi"], "sections": ["pattern"]}
    return Upstream(Bench(base / "home"), "activeupdate", publish, options, {"exclude": ["pattern/v_*"]})


def dsm_rules(base: Path, _: SourceSimulator, stack: ExitStack) -> Upstream:
    return rule_packs(base, stack.enter_context(DsmSimulator(base)))


def rule_packs(base: Path, manager: DsmSimulator) -> Upstream:
    def publish(version: int) -> None:
        manager.packs.clear()
        manager.add(f"26-00{version}.dsru", days=version)

    secret = base / "password"
    secret.write_text(dsm.PASSWORD)
    secret.chmod(0o600)
    credentials = {"user": dsm.USER, "password_file": str(secret)}
    options = {"url": manager.url, "ca": str(base / "ca.pem"), "credentials": credentials}
    return Upstream(Bench(base / "home"), "dsm-rules", publish, options, {"newest": 2})


def command(base: Path, _: SourceSimulator, __: ExitStack) -> Upstream:
    said = base / "version"
    text = "import sys; print('version:', open(sys.argv[1]).read()); open('a', 'w')"
    return Upstream(
        Bench(base / "home"),
        "command",
        lambda version: said.write_text(f"{version}"),
        {"command": [sys.executable, "-I", "-S", "-c", text, str(said)]},
        {"environment": {"FEED": "other"}},
    )


BUILDERS = (paged, counted, clamav, activeupdate, dsm_rules, command)


@pytest.fixture(autouse=True)
def no_sigtool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that verifies a vendor's signature: these databases are forged."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture(params=BUILDERS, ids=lambda build: build.__name__)
def source(request: pytest.FixtureRequest, tmp_path: Path, server: SourceSimulator) -> Iterator[Upstream]:
    with ExitStack() as stack:
        yield request.param(tmp_path, server, stack)


def test_another_configuration_is_no_way_back_for_an_upstream(source: Upstream) -> None:
    (good,) = source.pull(5).records
    source.refused(4, **source.another)
    source.refused(4, **source.another)
    source.bench.configure("s", source.kind, **source.options)
    (record,) = read_last_good(source.bench.home, source.bench.config).records
    assert "[source.older]" in str(record.failure)
    assert replace(record, failure=None) == good
    source.taken(5, **source.another)
    source.taken(6)
    source.refused(5, **source.another)


def test_what_is_allowed_to_be_older_is_where_it_counts_from(source: Upstream) -> None:
    source.taken(5)
    source.taken(3, **source.another, allow_older=True)
    source.refused(2)
    source.taken(4)
    source.refused(3, **source.another)


def two_databases(bench: Bench, server: SourceSimulator, *versions: int) -> PullResult:
    for name, version in zip("xy", versions, strict=True):
        server.serve(f"/db/{name}.cvd", forge.cvd(version), etag=f'"{version}"')
    bench.configure("s", "clamav", url=server.url("/db"), databases=["x", "y"])
    return bench.pull_all()


def test_a_database_that_was_dropped_and_comes_back_is_still_checked(bench: Bench, server: SourceSimulator) -> None:
    assert two_databases(bench, server, 5, 5).failures == ()
    bench.configure("s", "clamav", url=server.url("/db"), databases=["x"], allow_older=True)
    assert bench.pull_all().failures == ()
    (failed,) = two_databases(bench, server, 6, 4).failures
    assert (failed.error.code, failed.error.have) == ("source.older", "5 pulled before, 4 upstream")
    assert failed.error.what == "Source 's': the database y went back to an older version"


def test_what_an_upstream_only_claimed_to_have_does_not_count(bench: Bench, server: SourceSimulator) -> None:
    assert two_databases(bench, server, 5, 5).failures == ()
    server.serve("/db/x.cvd", forge.cvd(9)[:-1] + b"!", etag='"forged"')
    assert [failed.error.code for failed in bench.pull_all().failures] == ["clamav.md5"]
    assert two_databases(bench, server, 6, 5).failures == ()


def test_a_pack_that_the_manager_still_has_can_be_left_out(tmp_path: Path) -> None:
    with DsmSimulator(tmp_path) as manager:
        source = rule_packs(tmp_path, manager)
        manager.add("26-003.dsru")
        manager.add("26-005.dsru")
        source.publish = str
        source.taken(5)
        source.taken(5, exclude=["*-005*"])
        assert source.record.floor["release"] == (2026, 5)
        del manager.packs[1]
        source.refused(3, exclude=["*-005*"])


def test_of_another_kind_nothing_is_remembered(bench: Bench, server: SourceSimulator, tmp_path: Path) -> None:
    assert two_databases(bench, server, 5, 5).failures == ()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(b"a")
    bench.configure("s", "directory", path=str(tmp_path / "tree"))
    assert bench.pull_all().failures == ()
    assert load_record(bench.home.sources, "s", "directory").floor == {}


def test_a_record_from_before_there_were_floors_is_read_and_gets_one(bench: Bench, server: SourceSimulator) -> None:
    good = two_databases(bench, server, 5, 5)
    path = bench.home.sources / "s.json"
    value = strictjson.decode_json(path.read_bytes(), name=path.name, max_bytes=100_000)
    assert value.pop("floor") == {"x": "5", "y": "5"}
    path.write_bytes(strictjson.encode_json(value))
    assert read_last_good(bench.home, bench.config).targets == good.targets
    assert bench.pull_all().unchanged == ("s",)
    assert load_record(bench.home.sources, "s", "clamav").floor == {"x": (5,), "y": (5,)}


@pytest.mark.parametrize("floor", [[], {"x": 5}, {"x": ""}, {"x": "5."}, {"x": "-5"}, {"x": "five"}, {"x": "9" * 19}])
def test_a_floor_that_is_none_is_a_damaged_record(bench: Bench, floor: object) -> None:
    save_record(bench.home.sources, PullRecord("s", "clamav", floor={"x": (5,)}))
    path = bench.home.sources / "s.json"
    value = strictjson.decode_json(path.read_bytes(), name=path.name, max_bytes=1_000)
    path.write_bytes(strictjson.encode_json({**value, "floor": floor}))
    with pytest.raises(ConfigurationError) as caught:
        load_record(bench.home.sources, "s", "clamav")
    assert caught.value.code == "source.record"


def test_a_floor_is_kept_exactly(tmp_path: Path) -> None:
    floor = {"PATTERN P.4": (1736100,), "release": (2026, 31, 0), "upstream": (HIGHEST, 0, HIGHEST)}
    save_record(tmp_path, PullRecord("s", "clamav", floor=floor))
    assert load_record(tmp_path, "s", "clamav").floor == floor


@given(FLOORS, FLOORS)
def test_no_floor_goes_down_unless_that_is_allowed(before: Floor, came: Floor) -> None:
    risen = raise_floor(before, came, allowed=False)
    for floor in (before, came):
        for thing, version in floor.items():
            check_not_older("s", risen.get(thing, ()), version, False)
    lowered = raise_floor(before, came, allowed=True)
    for thing, version in came.items():
        check_not_older("s", version, lowered.get(thing, ()), False)
    for thing in before.keys() - came.keys():
        assert risen.get(thing) == lowered.get(thing) == (before[thing] if any(before[thing]) else None)
