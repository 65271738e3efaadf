from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bundler.kinds.clamav.source import ClamavSource
from bundler.rules.clamav import UNSIGNED
from bundler.sources.base import Pull
from bundler.sources.emptiness import EmptyError
from manifests.errors import ConfigurationError, FetchError, SealiftError
from tests.support import clamav_forge as forge
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make
from tests.support.source_simulator import SourceSimulator

VERIFIED = "echo 'Verification OK.'"


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's settings, and a ``PATH`` on which tests may put a ``sigtool``."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def lay_out(server: SourceSimulator, version: int, *, since: int = 2, name: str = "x", signs: bool = False) -> None:
    """Serve a database and its increments, and nothing of an earlier call."""
    for number in range(1, 40):
        for suffix in ("cdiff", "cdiff.sign", "cvd.sign"):
            server.on(f"/db/{name}-{number}.{suffix}", upstream.status(404))
    server.serve(f"/db/{name}.cvd", forge.cvd(version), etag=f'"{version}"')
    if signs:
        server.serve(f"/db/{name}-{version}.cvd.sign", forge.sign(version))
    for number in range(max(since, 2), version + 1):
        server.serve(f"/db/{name}-{number}.cdiff", forge.cdiff(number))
        if signs:
            server.serve(f"/db/{name}-{number}.cdiff.sign", forge.sign(number))


def source(server: SourceSimulator, **options: Any) -> ClamavSource:
    made = make("clamav", **{"url": server.url("/db/"), "databases": ["x"], **options})
    assert isinstance(made, ClamavSource)
    return made


def pulled(bench: Bench, server: SourceSimulator, previous: Pull | None = None, **options: Any) -> Pull:
    common = {key: options.pop(key) for key in ("allow_older",) if key in options}
    return bench.pull(source(server, **options), previous, **common)


def names(found: Pull) -> list[str]:
    return [target.path for target in found.targets]


def refused(bench: Bench, server: SourceSimulator, previous: Pull | None = None, **options: Any) -> SealiftError:
    with pytest.raises(SealiftError) as caught:
        pulled(bench, server, previous, **options)
    return caught.value


def asked(server: SourceSimulator) -> list[str]:
    """Return the paths that were asked for since the last call."""
    paths = [seen.path.removeprefix("/db/") for seen in server.seen]
    server.seen.clear()
    return paths


def test_the_first_pull_takes_the_database_and_the_whole_chain_that_there_is(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 6, since=4)
    found = pulled(bench, server)
    assert names(found) == ["x-4.cdiff", "x-5.cdiff", "x-6.cdiff", "x.cvd"]
    assert bench.contents(found)["x.cvd"] == forge.cvd(6)
    assert bench.contents(found)["x-5.cdiff"] == forge.cdiff(5)
    assert found.version == "x 6"
    assert found.verification == (
        "MD5 in the header matches: 1 of 1 database; 1 of 1 signature, 3 increments carried, not verified"
    )


def test_the_manifest_tells_what_a_database_says_of_itself(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 3)
    (item,) = pulled(bench, server).items
    assert item.path == "x.cvd"
    assert item.label == "ClamAV database, signature carried, not verified"
    assert dict(item.facts) == {
        "version": 3,
        "built_at": "2030-03-20T17:46:40Z",
        "signatures": 20,
        "functionality_level": 90,
        "builder": "forge",
        "increments": 2,
    }


def test_the_header_is_asked_for_by_range_and_an_unchanged_one_means_nothing_to_do(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 4, signs=True)
    first = pulled(bench, server)
    assert server.seen[0].path == "/db/x.cvd"
    assert server.seen[0].headers["range"] == "bytes=0-511"
    asked(server)
    second = pulled(bench, server, first)
    assert asked(server) == ["x.cvd"]
    assert second.targets == first.targets
    assert second.targets == first.targets
    assert second.items == first.items


def test_a_new_version_brings_the_database_and_its_last_increments_alone(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    first = pulled(bench, server)
    lay_out(server, 6)
    asked(server)
    second = pulled(bench, server, first)
    assert names(second) == ["x-2.cdiff", "x-3.cdiff", "x-4.cdiff", "x-5.cdiff", "x-6.cdiff", "x.cvd"]
    assert sorted(asked(server)) == [
        "x-5.cdiff",
        "x-5.cdiff.sign",
        "x-6.cdiff",
        "x-6.cdiff.sign",
        "x-6.cvd.sign",
        "x.cvd",
        "x.cvd",
    ]


def test_a_mirror_whose_file_times_stand_still_cannot_pass_an_old_database_off_as_the_new_one(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 4)
    server.serve("/db/x.cvd", forge.cvd(4), last_modified="Tue, 01 Jan 2030 00:00:00 GMT")
    first = pulled(bench, server)
    server.serve("/db/x.cvd", forge.cvd(5), last_modified="Tue, 01 Jan 2030 00:00:00 GMT")
    assert bench.contents(pulled(bench, server, first))["x.cvd"] == forge.cvd(5)


def test_increments_that_the_upstream_dropped_are_kept_from_earlier_pulls(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 5)
    first = pulled(bench, server)
    lay_out(server, 7, since=6)
    assert names(pulled(bench, server, first)) == [*(f"x-{number}.cdiff" for number in range(2, 8)), "x.cvd"]


def test_another_mirror_of_the_same_databases_is_held_to_what_is_here(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 5)
    bench.configure("clamav", "clamav", url=server.url("/db"), databases=["x"])
    bench.pull_all()
    server.serve("/other/x.cvd", forge.cvd(6))
    server.serve("/other/x-6.cdiff", forge.cdiff(6))
    bench.configure("clamav", "clamav", url=server.url("/other"), databases=["x"])
    result = bench.pull_all()
    assert [target.path for target in result.targets["clamav"]] == [
        *(f"clamav/x-{number}.cdiff" for number in range(2, 7)),
        "clamav/x.cvd",
    ]
    server.serve("/other/x.cvd", forge.cvd(4))
    (failure,) = bench.pull_all().failures
    assert isinstance(failure.error, SealiftError)
    assert failure.error.code == "source.older"


def test_no_more_increments_are_kept_than_configured(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 9)
    assert names(pulled(bench, server, cdiffs=3)) == ["x-7.cdiff", "x-8.cdiff", "x-9.cdiff", "x.cvd"]


def test_a_hole_ends_the_chain_and_is_not_asked_about_again(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    first = pulled(bench, server)
    lay_out(server, 7)
    server.on("/db/x-6.cdiff", upstream.status(404))
    second = pulled(bench, server, first)
    assert names(second) == ["x-7.cdiff", "x.cvd"]
    asked(server)
    third = pulled(bench, server, second)
    assert [path for path in asked(server) if path.endswith(".cdiff")] == []
    assert third.targets == second.targets


def test_without_the_last_increment_an_empty_one_sends_clients_to_the_whole_database(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 6)
    server.on("/db/x-6.cdiff", upstream.status(404))
    first = pulled(bench, server)
    assert {path: len(data) for path, data in bench.contents(first).items()} == {
        "x-6.cdiff": 0,
        "x.cvd": len(forge.cvd(6)),
    }
    assert dict(first.items[0].facts)["increments"] == 0
    lay_out(server, 6)
    assert names(pulled(bench, server, first)) == [*(f"x-{number}.cdiff" for number in range(2, 7)), "x.cvd"]


def test_with_no_increments_wanted_clients_are_sent_to_the_whole_database(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 6)
    assert bench.contents(pulled(bench, server, cdiffs=0))["x-6.cdiff"] == b""
    lay_out(server, 1)
    assert names(pulled(bench, server, cdiffs=0)) == ["x.cvd"]


def test_an_empty_increment_of_the_upstream_is_a_sound_one(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 6)
    server.serve("/db/x-5.cdiff", b"")
    found = pulled(bench, server)
    assert names(found) == [*(f"x-{number}.cdiff" for number in range(2, 7)), "x.cvd"]
    assert bench.contents(found)["x-5.cdiff"] == b""


def test_an_upstream_that_fails_at_an_increment_fails_the_pull(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 6)
    server.on("/db/x-5.cdiff", upstream.status(500))
    assert refused(bench, server).code == "http.server"


ABSENT = [
    pytest.param(upstream.status(400), id="400"),
    pytest.param(upstream.status(401), id="401"),
    pytest.param(upstream.status(403), id="403"),
    pytest.param(upstream.status(405), id="405"),
    pytest.param(upstream.status(451), id="451"),
    pytest.param(upstream.portal(), id="a page"),
    pytest.param(upstream.file(b"404 not found"), id="a text"),
    pytest.param(upstream.file(b'{"error": "NoSuchKey"}'), id="JSON"),
]
"""What servers say of a file that they do not have, beside 404."""


@pytest.mark.parametrize("absent", ABSENT)
def test_a_mirror_may_say_in_its_own_way_that_a_side_file_is_not_there(
    bench: Bench, server: SourceSimulator, absent: upstream.Respond
) -> None:
    lay_out(server, 6, since=5)
    for file in ("x-4.cdiff", "x-5.cdiff.sign", "x-6.cdiff.sign", "x-6.cvd.sign"):
        server.on(f"/db/{file}", absent)
    first = pulled(bench, server)
    assert names(first) == ["x-5.cdiff", "x-6.cdiff", "x.cvd"]
    server.serve("/db/x-4.cdiff", forge.cdiff(4))  # it was not surely gone, so it is asked for again
    assert names(pulled(bench, server, first)) == ["x-4.cdiff", "x-5.cdiff", "x-6.cdiff", "x.cvd"]


@pytest.mark.parametrize("absent", ABSENT)
def test_without_the_last_increment_whatever_the_mirror_says_clients_are_sent_to_the_whole_database(
    bench: Bench, server: SourceSimulator, absent: upstream.Respond
) -> None:
    lay_out(server, 6, since=7)
    server.on("/db/x-6.cdiff", absent)
    assert bench.contents(pulled(bench, server))["x-6.cdiff"] == b""


@pytest.mark.parametrize("code", [403, 404])
def test_a_mirror_that_refuses_the_database_itself_fails_the_pull(
    bench: Bench, server: SourceSimulator, code: int
) -> None:
    server.on("/db/x.cvd", upstream.status(code))
    assert refused(bench, server).code == "http.status"


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"])
def test_a_database_whose_length_nobody_says_is_proven_by_its_md5(
    bench: Bench, server: SourceSimulator, head: bytes
) -> None:
    lay_out(server, 4)
    server.on("/db/x.cvd", upstream.raw(head + forge.cvd(4)))
    for number in (2, 3, 4):  # nothing proves that an increment is whole
        server.on(f"/db/x-{number}.cdiff", upstream.raw(head + forge.cdiff(number)))
    found = pulled(bench, server)
    assert names(found) == ["x-4.cdiff", "x.cvd"]
    assert bench.contents(found) == {"x-4.cdiff": b"", "x.cvd": forge.cvd(4)}


def test_a_database_whose_length_nobody_says_is_refused_when_it_was_cut(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    server.on("/db/x.cvd", upstream.raw(b"HTTP/1.0 200 OK\r\n\r\n" + forge.cvd(4)[:-1]))
    assert refused(bench, server).code == "clamav.md5"
    server.serve("/db/x.cvd", forge.cvd(4))
    assert bench.contents(pulled(bench, server))["x.cvd"] == forge.cvd(4)


@pytest.mark.parametrize("span", ["bytes 0-1023/4", "Bytes 0-511/*", None], ids=["a block", "capital", "no range"])
def test_a_header_that_comes_in_an_odd_part_is_read(bench: Bench, server: SourceSimulator, span: str | None) -> None:
    lay_out(server, 4)
    well = upstream.file(forge.cvd(4))
    said = {} if span is None else {"Content-Range": span}
    server.on("/db/x.cvd", lambda e: e.answer(206, said, forge.cvd(4)[:1024]) if "Range" in e.headers else well(e))
    assert bench.contents(pulled(bench, server))["x.cvd"] == forge.cvd(4)


def test_a_damaged_increment_is_refused(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 6)
    server.serve("/db/x-5.cdiff", forge.cdiff(4))
    error = refused(bench, server)
    assert (error.code, error.exit_code) == ("clamav.cdiff", 21)
    assert error.what == "x-5.cdiff is not a valid increment"


def test_sign_files_are_carried_under_the_names_that_freshclam_asks_for(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4, since=4, signs=True)
    first = pulled(bench, server)
    assert names(first) == ["x-4.cdiff", "x-4.cdiff.sign", "x-4.cvd.sign", "x.cvd"]
    lay_out(server, 5, signs=True)
    second = pulled(bench, server, first)
    assert names(second) == ["x-4.cdiff", "x-4.cdiff.sign", "x-5.cdiff", "x-5.cdiff.sign", "x-5.cvd.sign", "x.cvd"]
    assert bench.contents(second)["x-5.cvd.sign"] == forge.sign(5)


def test_a_sign_file_that_comes_later_is_still_carried(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    first = pulled(bench, server)
    server.serve("/db/x-4.cvd.sign", forge.sign(4))
    assert "x-4.cvd.sign" in names(pulled(bench, server, first))


def test_a_database_with_a_wrong_md5_is_refused_and_nothing_is_kept(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    server.serve("/db/x.cvd", forge.cvd(4, md5="0" * 32))
    error = refused(bench, server)
    assert (error.code, error.exit_code) == ("clamav.md5", 20)
    assert not list(bench.home.temporary.iterdir())


def test_a_web_page_in_place_of_a_database_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.on("/db/x.cvd", upstream.portal())
    assert refused(bench, server).code == "http.captive-portal"
    server.serve("/db/x.cvd", b"We moved to another server. " * 40)
    assert refused(bench, server).code == "clamav.header"


def test_an_upstream_that_went_back_is_refused_unless_allowed(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 6)
    first = pulled(bench, server)
    lay_out(server, 5)
    error = refused(bench, server, first)
    assert (error.code, error.exit_code) == ("source.older", 22)
    assert error.have == "6 pulled before, 5 upstream"
    assert error.what == "Source 's': the database x went back to an older version"
    with pytest.raises(SealiftError) as caught, bench.workbench(first) as work:
        source(server).check(work)
    assert caught.value.code == "source.older"
    back = pulled(bench, server, first, allow_older=True)
    assert names(back) == [*(f"x-{number}.cdiff" for number in range(2, 6)), "x.cvd"]
    assert back.version == "x 5"


def test_a_database_replaced_by_a_newer_one_after_its_header_was_read_is_taken(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 6)
    server.on("/db/x.cvd", upstream.file(forge.cvd(5)), upstream.file(forge.cvd(6)))
    found = pulled(bench, server)
    assert found.version == "x 6"
    assert "x-6.cdiff" in names(found)


def test_a_database_older_than_its_own_header_is_refused(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 6)
    server.on("/db/x.cvd", upstream.file(forge.cvd(6)), upstream.file(forge.cvd(5)))
    error = refused(bench, server)
    assert (error.code, error.have, error.need) == ("clamav.changing", "version 5", "version 6")


def test_where_sigtool_is_installed_it_verifies_each_database_once(
    bench: Bench, server: SourceSimulator, tools: Path
) -> None:
    count = tools / "count"
    forge.program(tools, f"echo x >> {count}; {VERIFIED}")
    lay_out(server, 4, signs=True)
    first = pulled(bench, server)
    assert first.verification == (
        "MD5 in the header matches: 1 of 1 database; 1 of 1 signature verified by sigtool; "
        "3 increments carried, not verified"
    )
    assert first.items[0].label == "ClamAV database, signature verified by sigtool"
    second = pulled(bench, server, first)
    assert (second.verification, second.items) == (first.verification, first.items)
    assert count.read_text() == "x\n"
    lay_out(server, 5)
    pulled(bench, server, second)
    assert count.read_text() == "x\nx\n"


def test_a_sigtool_that_was_installed_later_verifies_what_is_here(
    bench: Bench, server: SourceSimulator, tools: Path
) -> None:
    lay_out(server, 1)
    first = pulled(bench, server)
    assert first.verification.endswith("1 of 1 signature carried, not verified")
    forge.program(tools, VERIFIED)
    assert pulled(bench, server, first).verification.endswith("1 of 1 signature verified by sigtool")


def test_a_database_whose_signature_sigtool_refuses_is_refused(
    bench: Bench, server: SourceSimulator, tools: Path
) -> None:
    forge.program(tools, 'echo "ERROR: Can\'t verify database integrity" >&2; exit 1')
    lay_out(server, 4)
    error = refused(bench, server)
    assert (error.code, error.exit_code) == ("clamav.signature", 20)
    assert error.have == "sigtool left with 1: ERROR: Can't verify database integrity"


def test_where_signatures_are_required_a_missing_sigtool_stops_the_run(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    with pytest.raises(ConfigurationError) as caught:
        pulled(bench, server, require_signature=True)
    assert caught.value.code == "clamav.no-sigtool"
    assert server.seen == []


def test_several_databases_and_custom_ones_stand_side_by_side(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 3, name="main")
    lay_out(server, 5, name="daily")
    server.serve("/own/airgap.ndb", b"Airgap.Eicar:0:*:5835\n", etag='"1"')
    server.serve("/own/airgap.yar", b"rule a { condition: false }\n", etag='"2"')
    options: Mapping[str, Any] = {
        "databases": ["main", "daily"],
        "custom": [server.url("/own/airgap.yar"), server.url("/own/airgap.ndb")],
    }
    found = pulled(bench, server, **options)
    assert [name for name in names(found) if not name.endswith(".cdiff")] == [
        "airgap.ndb",
        "airgap.yar",
        "daily.cvd",
        "main.cvd",
    ]
    assert found.version == "daily 5, main 3"
    assert found.verification == (
        "MD5 in the header matches: 2 of 2 databases; "
        "2 of 2 signatures, 6 increments, 2 custom databases carried, not verified"
    )
    assert [item.path for item in found.items] == ["daily.cvd", "main.cvd", "airgap.ndb", "airgap.yar"]
    again = pulled(bench, server, found, **options)
    assert again.targets == found.targets


def test_the_usual_three_databases_are_carried_when_none_is_named() -> None:
    made = make("clamav", url="https://mirror.example/")
    assert isinstance(made, ClamavSource)
    assert (made.databases, made.cdiffs, made.url) == (("bytecode", "daily", "main"), 30, "https://mirror.example")


def test_custom_databases_need_no_mirror(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/own/a.hsb", b"0:1:a\n")
    made = make("clamav", custom=[server.url("/own/a.hsb")])
    found = bench.pull(made)
    assert (names(found), found.version) == (["a.hsb"], None)
    assert found.verification == "1 custom database carried, not verified"
    with bench.workbench(found) as work:
        checked = made.check(work)
    assert (checked.note, checked.version) == ("custom databases alone", None)
    assert [(target.path, target.state) for target in checked.targets] == [("a.hsb", "to fetch")]


@pytest.mark.parametrize("suffix", [*(suffix.removeprefix(".") for suffix in sorted(UNSIGNED)), "HSB", "Ndb"])
def test_every_database_that_clamav_loads_can_be_a_custom_one(suffix: str) -> None:
    made = make("clamav", custom=[f"https://a.example/own/x.{suffix}?v=1"])
    assert isinstance(made, ClamavSource)
    assert [file.path for file in made.custom] == [f"x.{suffix}"]


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("https://a.example/cgi/getfile?product=8&list=clamav_basic", "getfile.ndb"),
        ("https://a.example/get?file=own.hdb", "own.hdb"),
        ("https://a.example/get?path=/lists/own.hdb&key=1", "own.hdb"),
        ("https://a.example/files/own.ldb/download", "own.ldb"),
        ("https://a.example/own%20rules.NDB", "own rules.NDB"),
        ({"url": "https://a.example/getfile?list=a", "path": "malwarepatrol.db"}, "malwarepatrol.db"),
        ({"url": "https://a.example/x.ndb", "path": "lists/y.hsb"}, "lists/y.hsb"),
    ],
)
def test_a_custom_database_is_called_by_its_path_or_what_its_url_names(entry: str | dict[str, str], path: str) -> None:
    made = make("clamav", custom=[entry])
    assert isinstance(made, ClamavSource)
    assert [file.path for file in made.custom] == [path]


def test_a_custom_database_may_be_pinned(bench: Bench, server: SourceSimulator) -> None:
    data = b"0:1:a\n"
    server.on("/a.hsb", upstream.raw(b"HTTP/1.0 200 OK\r\n\r\n" + data))
    assert refused(bench, server, databases=[], custom=[server.url("/a.hsb")]).code == "http.unbounded"
    pinned = {"url": server.url("/a.hsb"), "sha256": hashlib.sha256(data).hexdigest()}
    assert bench.contents(pulled(bench, server, databases=[], custom=[pinned])) == {"a.hsb": data}
    pinned["sha256"] = "0" * 64
    assert refused(bench, server, databases=[], custom=[pinned]).code == "http.checksum"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"# Access denied.\n# The subscription may have expired.\n", id="comments"),
        pytest.param(b"Access denied: your subscription has expired\n", id="a text"),
        pytest.param(b'{"error": {"code": 402, "message": "payment: required: now: please"}}', id="JSON"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", id="a pointer"),
        pytest.param(b"<Error><Code>AccessDenied</Code></Error>", id="XML"),
    ],
)
@pytest.mark.parametrize("name", ["a.ndb", "a.hdb", "a.ldb", "a.hsb", "a.db", "a.yar", "a.cdb", "getfile"])
def test_a_custom_database_without_a_signature_is_refused_unless_that_is_allowed(
    bench: Bench, server: SourceSimulator, name: str, data: bytes, before: bool
) -> None:
    sound = {"a.hdb": b"0" * 32 + b":1:A\n", "a.hsb": b"0" * 64 + b":1:A\n", "a.ldb": b"A;Engine:51-255;0;4142\n"}
    sound |= {"a.db": b"A=4142\n", "a.yar": b"rule a { condition: false }", "a.cdb": b"A:CL_TYPE_ZIP:*:x:*:*:*:1:*:*\n"}
    server.serve(f"/{name}", sound.get(name, b"A.B:0:*:414243\n"))
    made = make("clamav", custom=[server.url(f"/{name}")])
    first = bench.pull(made) if before else None
    if first is not None:
        assert dict(first.items[0].facts) == {"signatures": 1}
    server.serve(f"/{name}", data)
    with pytest.raises(EmptyError) as caught:
        bench.pull(made, first)
    assert (caught.value.code, caught.value.exit_code) == ("source.empty", 10)
    assert dict(bench.pull(made, first, allow_empty=True).items[0].facts) == {"signatures": 0}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"databases": ["daily"]},
        {"url": "https://a.example", "databases": []},
        {"custom": ["https://a.example/x.exe"]},
        {"custom": ["https://a.example/x.cvd"]},
        {"custom": ["https://a.example/a/x.ndb", "https://a.example/b/x.ndb"]},
        {"custom": ["https://a.example/a%2F..%2F..%2Fx.ndb"]},
        {"custom": [{"url": "https://a.example/getfile", "path": "x.cvd"}]},
        {"custom": [{"url": "https://a.example/getfile", "path": "../x.ndb"}]},
        {"custom": ["https://a.example/getfile?list=a", "https://a.example/getfile?list=b"]},
        {"custom": ["https://a.example/"]},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("clamav", **options)
    assert caught.value.code == "source.url"


def test_a_check_compares_versions_and_stores_nothing(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    made = source(server)
    with bench.workbench() as work:
        checked = made.check(work)
    assert (checked.note, checked.version) == ("x 4 there, none here", "x 4")
    assert [(target.path, target.state) for target in checked.targets] == [("x.cvd", "to fetch")]
    first = bench.pull(made)
    with bench.workbench(first) as work:
        assert made.check(work).targets[0].state == "unchanged"
    lay_out(server, 5)
    asked(server)
    with bench.workbench(first) as work:
        checked = made.check(work)
    assert (checked.note, checked.targets[0].state) == ("x 5 there, x 4 here", "to fetch")
    assert asked(server) == ["x.cvd"]


def test_after_a_failed_pull_the_last_good_content_is_what_can_be_sealed(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4, since=4)
    bench.configure("clamav", "clamav", url=server.url("/db"), databases=["x"])
    bench.pull_all()
    server.serve("/db/x.cvd", forge.cvd(5, md5="0" * 32))
    result = bench.pull_all()
    (failure,) = result.failures
    assert isinstance(failure.error, SealiftError)
    assert failure.error.code == "clamav.md5"
    assert [target.path for target in result.targets["clamav"]] == ["clamav/x-4.cdiff", "clamav/x.cvd"]
    (record,) = result.records
    assert record.failure is not None
    assert record.failure.endswith("[clamav.md5]")
    assert record.version == "x 4"


def test_a_memory_that_is_not_as_expected_is_no_memory(bench: Bench, server: SourceSimulator) -> None:
    lay_out(server, 4)
    first = pulled(bench, server)
    for memo in ({"databases": {"x": 4}}, {"databases": {"x": {"header": None}}}, {}):
        changed = Pull(first.targets, first.verification, first.items, memo, floor=first.floor)
        assert pulled(bench, server, changed).targets == first.targets


def test_an_upstream_that_is_not_there_is_a_failed_pull(bench: Bench, server: SourceSimulator) -> None:
    error = refused(bench, server)
    assert isinstance(error, FetchError)
    assert error.code == "http.status"


@pytest.mark.parametrize(("late", "signed"), [(6, False), (6, True), (5, True), (3, True)])
def test_the_signature_of_an_increment_may_appear_later(
    bench: Bench, server: SourceSimulator, late: int, signed: bool
) -> None:
    lay_out(server, 6, since=3, signs=signed)
    server.on(f"/db/x-{late}.cdiff.sign", upstream.status(404))
    first = pulled(bench, server)
    assert f"x-{late}.cdiff.sign" not in names(first)
    server.serve(f"/db/x-{late}.cdiff.sign", forge.sign(late))
    second = pulled(bench, server, first)
    assert bench.contents(second)[f"x-{late}.cdiff.sign"] == forge.sign(late)
    asked(server)
    pulled(bench, server, second)
    again = [path for path in asked(server) if path.endswith(".cdiff.sign")]
    assert again == ([] if signed else ["x-5.cdiff.sign", "x-4.cdiff.sign", "x-3.cdiff.sign"])


def test_an_upstream_without_signatures_is_asked_for_that_of_its_newest_increment_alone(
    bench: Bench, server: SourceSimulator
) -> None:
    lay_out(server, 6, since=3)
    first = pulled(bench, server)
    asked(server)
    pulled(bench, server, first)
    assert [path for path in asked(server) if path.endswith(".cdiff.sign")] == ["x-6.cdiff.sign"]
