"""Source ``activeupdate`` against an upstream that serves a documented tree, well or badly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bundler import config
from bundler.pull.check import check_all
from bundler.pull.result import PullResult
from manifests.errors import ConfigurationError, SealiftError
from tests.support import source_simulator as upstream
from tests.support.active_update_reader import components
from tests.support.active_update_tree import Tree, zipped
from tests.support.benches import NOW, Bench, make
from tests.support.source_simulator import Exchange, SourceSimulator

BASE = "/activeupdate"
EVIL = "../../../WebUI/WebApp/east.aspx"


@pytest.fixture
def bench(tmp_path: Path, server: SourceSimulator) -> Bench:
    bench = Bench(tmp_path / "home")
    bench.configure("au", "activeupdate", url=server.url(BASE))
    return bench


def serve(server: SourceSimulator, tree: Tree, *, packed: bool = True) -> None:
    """Serve a tree well; anything of an earlier one that it lacks stays."""
    for path, data in tree.everything.items():
        server.serve(f"{BASE}/{path}", data, etag=f'"{hashlib.sha256(data).hexdigest()}"')
    if not packed:
        server.on(f"{BASE}/ini_xml.zip", upstream.status(404))


def contents(bench: Bench, result: PullResult) -> dict[str, bytes]:
    return {t.path.removeprefix("au/"): b"".join(bench.store.read(t.sha256)) for t in result.targets["au"]}


def failure(result: PullResult) -> SealiftError:
    (failed,) = result.failures
    return failed.error


def refused_today(bench: Bench, server: SourceSimulator, spoil: Callable[[Tree], None]) -> SealiftError:
    """Pull a good tree, a day later a newer one that ``spoil`` spoils: yesterday's content must stay, age and all."""
    yesterday = Tree(80)
    serve(server, yesterday)
    good = bench.pull_all()
    assert good.failures == ()
    today = Tree(80, day=2)
    serve(server, today)
    spoil(today)
    bench.now += timedelta(days=1)
    result = bench.pull_all()
    error = failure(result)
    assert result.targets == good.targets
    (record,) = result.records
    assert (record.pulled_at, record.version) == (NOW, "VSAPI 17.363.00")
    assert record.failure is not None
    assert record.failure.endswith(f"[{error.code}]")
    return error


def test_a_tree_is_carried_whole_with_its_index_for_a_mirror(bench: Bench, server: SourceSimulator) -> None:
    tree = Tree(80)
    serve(server, tree)
    result = bench.pull_all()
    assert result.failures == ()
    found = contents(bench, result)
    index = found.pop("server.ini")
    assert found == tree.files
    assert set(components(index)) == set(tree.listed)
    expected = tree.ini.replace(b"[Server]", b";[Server]").replace(b"\r\nAvail", b"\r\n;Avail")
    assert index == expected.replace(b"\r\nServer.1", b"\r\n;Server.1").replace(b"\r\nHttps", b"\r\n;Https")
    (record,) = result.records
    assert record.version == "VSAPI 17.363.00"
    assert record.verification == (
        "all 80 components of server.ini in ini_xml.zip; each with its signature, carried, not verified; "
        "over plain http"
    )
    labels = {item.path: item.label for item in record.items}
    assert len(labels) == 80
    assert labels["au/pattern/vsapi350.zip"] == "pattern 17.363.00"
    assert labels["au/engine/engvsapi32_nt_i386_v12500-1004.zip"] == "VSAPI32_NT_I386 12.500.1004"
    assert labels["au/pattern/v_17361.17363"] == "increment from 17.361.00"


def test_a_second_pull_asks_and_downloads_nothing(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80))
    bench.pull_all()
    server.seen.clear()
    result = bench.pull_all()
    assert (result.failures, result.unchanged) == ((), ("au",))
    assert {("if-none-match" in seen.headers) for seen in server.seen} == {True}


@pytest.mark.parametrize(
    "packed",
    [
        upstream.status(404),
        upstream.status(403),
        upstream.status(400),
        upstream.status(406),
        upstream.status(500),
        upstream.status(520),
        upstream.portal(),
        upstream.portal("application/zip"),
        upstream.file(b""),
        upstream.file(b"not a zip"),
        upstream.file(zipped({"server.xml": b"<xml/>"})),
        upstream.file(zipped({"server.ini": b"x" * 2_000})[:-30]),
    ],
    ids=[
        "absent",
        "forbidden",
        "bad request",
        "not acceptable",
        "server error",
        "no origin",
        "page",
        "page as zip",
        "empty",
        "no zip",
        "without server.ini",
        "cut short",
    ],
)
def test_without_a_zip_that_can_be_read_the_plain_index_is_taken(
    bench: Bench, server: SourceSimulator, packed: Callable[[Exchange], None]
) -> None:
    tree = Tree(80)
    serve(server, tree)
    server.on(f"{BASE}/ini_xml.zip", packed)
    result = bench.pull_all()
    assert result.failures == ()
    assert result.records[0].verification.startswith("all 80 components of server.ini; ")


def test_only_chosen_components_are_fetched_and_listed(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80))
    bench.configure("au", "activeupdate", url=server.url(BASE + "/"), families=["vsapi"], platforms=["NT_AMD64"])
    result = bench.pull_all()
    found = contents(bench, result)
    listed = components(found["server.ini"])
    assert {path.partition("/")[0] for path in listed} == {"pattern", "engine"}
    assert len(found) == 2 * len(listed) + 1
    assert sum("nt_amd64" in path for path in listed) == sum(path.startswith("engine/") for path in listed) == 3
    assert sum(path.startswith("pattern/v_") for path in listed) == 14
    assert result.records[0].verification.startswith("18 of 80 components of server.ini in ini_xml.zip; ")
    assert server.asked(f"{BASE}/product/osce14/enu/PLM0_COMP_LIST.zip") == 0


def test_a_choice_that_leaves_nothing_is_an_error(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80))
    bench.configure("au", "activeupdate", url=server.url(BASE), families=["none"])
    assert failure(bench.pull_all()).code == "activeupdate.nothing-chosen"


def test_an_excluded_component_takes_its_signature_and_its_line_with_it(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80))
    bench.configure("au", "activeupdate", url=server.url(BASE), exclude=["product/**"])
    found = contents(bench, bench.pull_all())
    assert len(components(found["server.ini"])) == 70
    assert len(found) == 141


@pytest.mark.parametrize("packed", [True, False])
def test_a_path_out_of_the_tree_is_refused(bench: Bench, server: SourceSimulator, packed: bool) -> None:
    def spoil(tree: Tree) -> None:
        tree.lines[tree.line("P.4")] = f"P.4={EVIL}.zip,1736500,9"
        serve(server, tree, packed=packed)

    assert refused_today(bench, server, spoil).code == "activeupdate.traversal"
    assert server.asked(f"/WebUI/WebApp/{EVIL.rpartition('/')[2]}") == 0


def test_a_zip_that_would_write_out_of_its_place_is_refused_and_nothing_else_is_taken_instead(
    bench: Bench, server: SourceSimulator
) -> None:
    def spoil(tree: Tree) -> None:
        server.serve(f"{BASE}/ini_xml.zip", zipped({EVIL: b"<%@ Page %>", "server.ini": tree.ini}))

    error = refused_today(bench, server, spoil)
    assert error.code == "archive.traversal"
    assert EVIL in error.what
    assert not list(bench.path.rglob("*.aspx"))


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"C:/server.ini": b""}, "archive.absolute"),
        ({"/server.ini": b""}, "archive.absolute"),
        ({"server.ini": b"", "SERVER.INI": b""}, "archive.duplicate"),
        ({"server.ini": b"x" * (17 * 2**20)}, "archive.bomb"),
        ({f"{number}.xml": b"" for number in range(1_001)}, "archive.count"),
    ],
    ids=["drive", "absolute", "twice", "bomb", "count"],
)
def test_a_hostile_zip_is_refused_for_what_it_is(
    bench: Bench, server: SourceSimulator, members: dict[str, bytes], code: str
) -> None:
    serve(server, Tree(80))
    server.serve(f"{BASE}/ini_xml.zip", zipped(members))
    assert failure(bench.pull_all()).code == code


@pytest.mark.parametrize("missing", ["pattern/v_17363.sig", "pattern/vsapi351.zip"])
def test_a_component_or_signature_that_is_missing_fails_the_source(
    bench: Bench, server: SourceSimulator, missing: str
) -> None:
    def spoil(tree: Tree) -> None:
        assert missing in tree.files
        server.on(f"{BASE}/{missing}", upstream.status(404))

    error = refused_today(bench, server, spoil)
    assert (error.code, error.have, error.details["missing"]) == ("activeupdate.incomplete", "79 of 80 components", 1)
    assert missing in error.what


def test_what_is_missing_is_counted_to_the_end(bench: Bench, server: SourceSimulator) -> None:
    tree = Tree(80)
    serve(server, tree)
    for path in (tree.listed[0], "pattern/vsapi350.sig", tree.listed[50]):
        server.on(f"{BASE}/{path}", upstream.status(404))
    error = failure(bench.pull_all())
    assert (error.code, error.have, error.details["missing"]) == ("activeupdate.incomplete", "78 of 80 components", 3)


def test_a_signature_of_no_bytes_is_none(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80))
    server.serve(f"{BASE}/pattern/vsapi350.sig", b"")
    error = failure(bench.pull_all())
    assert (error.code, error.have) == ("activeupdate.incomplete", "79 of 80 components")


@pytest.mark.parametrize("more", [-1, 1, 1_000_000])
def test_a_file_of_another_size_than_the_index_says_is_refused(
    bench: Bench, server: SourceSimulator, more: int
) -> None:
    def spoil(tree: Tree) -> None:
        data = tree.files["pattern/vsapi351.zip"]
        server.serve(f"{BASE}/pattern/vsapi351.zip", data[:more] if more < 0 else data + b"x" * more)

    assert refused_today(bench, server, spoil).code == "http.length"


def test_a_tree_that_is_updated_while_it_is_fetched_is_fetched_again(bench: Bench, server: SourceSimulator) -> None:
    old, new = Tree(80), Tree(80, day=2)
    serve(server, old)
    served = server.responder(f"{BASE}/pattern/vsapi350.zip")

    def update(exchange: Exchange) -> None:
        serve(server, new)
        served(exchange)

    server.on(f"{BASE}/pattern/vsapi350.zip", update)
    result = bench.pull_all()
    assert result.failures == ()
    found = contents(bench, result)
    assert {path: data for path, data in found.items() if path != "server.ini"} == new.files
    assert result.records[0].version == "VSAPI 17.365.00"


def test_files_that_go_before_their_index_does_are_half_an_update(bench: Bench, server: SourceSimulator) -> None:
    old, new = Tree(80), Tree(80, day=2)
    serve(server, old)
    gone = upstream.status(404)

    def update(exchange: Exchange) -> None:
        serve(server, new)
        gone(exchange)

    server.on(f"{BASE}/pattern/vsapi350.zip", update)
    result = bench.pull_all()
    assert (result.failures, result.records[0].version) == ((), "VSAPI 17.365.00")


def test_a_tree_that_never_holds_still_is_refused(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80), packed=False)
    count = 0

    def always_new(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        exchange.answer(200, {}, Tree(80).ini + b"; edition %d\r\n" % count)

    server.on(f"{BASE}/server.ini", always_new)
    assert failure(bench.pull_all()).code == "activeupdate.changing"


def test_an_older_pattern_than_yesterday_is_refused_unless_it_is_allowed(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80, day=3))
    good = bench.pull_all()
    serve(server, Tree(80, day=2))
    result = bench.pull_all()
    error = failure(result)
    assert (error.code, error.exit_code) == ("source.older", 22)
    assert (error.have, error.need) == (
        "1736700 pulled before, 1736500 upstream",
        "1736700 or newer",
    )
    assert "allow_older = true" in str(error.todo)
    assert result.targets == good.targets
    bench.configure("au", "activeupdate", url=server.url(BASE), allow_older=True)
    assert bench.pull_all().records[0].version == "VSAPI 17.365.00"


def test_a_web_page_is_no_index(bench: Bench, server: SourceSimulator) -> None:
    def spoil(_: Tree) -> None:
        server.on(f"{BASE}/ini_xml.zip", upstream.portal())
        server.on(f"{BASE}/server.ini", upstream.portal())

    assert refused_today(bench, server, spoil).code == "http.captive-portal"


def test_an_index_without_end_is_cut_off(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80), packed=False)
    server.on(f"{BASE}/server.ini", upstream.endless())
    assert failure(bench.pull_all()).code == "http.too-large"


def test_a_check_reads_the_index_alone(bench: Bench, server: SourceSimulator) -> None:
    serve(server, Tree(80))

    def checked() -> tuple[str | None, str, dict[str, str]]:
        (result,) = check_all(bench.context, pause=bench.pauses.append)
        assert result.check is not None
        return result.check.version, result.check.note, {t.path: t.state for t in result.check.targets}

    version, note, states = checked()
    assert version == "VSAPI 17.363.00"
    assert note.startswith(f"reached {server.url(BASE)}; all 80 components")
    assert len(states) == 161
    assert {seen.path for seen in server.seen} == {f"{BASE}/ini_xml.zip"}
    bench.pull_all()
    assert set(checked()[2].values()) == {"unchanged"}
    serve(server, Tree(80, day=2))
    version, _, states = checked()
    assert version == "VSAPI 17.365.00"
    assert states["pattern/vsapi351.zip"] == states["pattern/vsapi351.sig"] == "to fetch"
    assert states["product/osce14/enu/PLM0_COMP_LIST.zip"] == "unchanged"


@pytest.mark.parametrize("url", ["ftp://h/a", "https://user@h/a", "https://h/a?b", "https://h/a#b", "h"])
def test_an_address_that_is_no_tree_is_refused_at_configuration(tmp_path: Path, url: str) -> None:

    path = tmp_path / "bundler.toml"
    path.write_text(f'publisher = "acme"\n[[source]]\nname = "au"\nkind = "activeupdate"\nurl = "{url}"\n')
    with pytest.raises(ConfigurationError) as caught:
        config.load_config(path)
    assert (caught.value.code, caught.value.details["key"]) == ("config.value", "source[1].url")


def test_a_ca_that_is_not_there_is_refused_at_configuration() -> None:
    with pytest.raises(SealiftError) as caught:
        make("activeupdate", url="https://updates.invalid", ca="/no/such.pem")
    assert caught.value.code == "source.path"
