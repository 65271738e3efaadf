"""Kind ``http`` with a version in its URL: read from a page, or found by counting; never back."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.errors import ConfigurationError, FetchError, RollbackError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make
from tests.support.source_simulator import SourceSimulator


def paged(server: SourceSimulator, **options: Any) -> dict[str, Any]:
    probe = {"url": server.url("/LATEST"), "pattern": r"rules-([0-9.]+)\.tar\.gz"}
    return {"template": server.url("/rules-{version}.tar.gz"), "probe": probe, **options}


def publish(server: SourceSimulator, *versions: str) -> None:
    server.serve("/LATEST", "\n".join(f"rules-{version}.tar.gz" for version in versions).encode(), etag=f'"{versions}"')
    for version in versions:
        server.serve(f"/rules-{version}.tar.gz", version.encode(), etag=f'"{version}"')


def count(server: SourceSimulator, *numbers: int) -> None:
    for number in range(1, 40):
        server.on(f"/{number}.zip", upstream.file(str(number).encode()) if number in numbers else upstream.status(404))


def test_the_highest_version_that_the_page_names_is_fetched(bench: Bench, server: SourceSimulator) -> None:
    publish(server, "1.9", "1.10", "1.2.30")
    pulled = bench.pull(make("http", **paged(server)))
    assert bench.contents(pulled) == {"rules-1.10.tar.gz": b"1.10"}
    assert pulled.version == "1.10"


def test_a_fixed_path_keeps_the_name_for_agents(bench: Bench, server: SourceSimulator) -> None:
    publish(server, "7")
    assert list(bench.contents(bench.pull(make("http", **paged(server, path="x/rules.tar.gz"))))) == ["x/rules.tar.gz"]


def test_nothing_is_sent_again_when_there_is_no_newer_version(bench: Bench, server: SourceSimulator) -> None:
    publish(server, "7")
    source = make("http", **paged(server))
    first = bench.pull(source)
    assert bench.pull(source, first).targets == first.targets
    assert [seen.status for seen in server.seen] == [200, 200, 304, 304]


def test_an_upstream_that_goes_back_is_refused_unless_that_is_allowed(bench: Bench, server: SourceSimulator) -> None:
    publish(server, "7")
    source = make("http", **paged(server))
    first = bench.pull(source)
    publish(server, "6.9")
    with pytest.raises(RollbackError) as caught:
        bench.pull(source, first)
    assert caught.value.code == "source.older"
    assert bench.pull(source, first, allow_older=True).version == "6.9"


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"rules-../../x.tar.gz", b"rules-.tar.gz"])
def test_a_page_that_names_no_version_is_refused(bench: Bench, server: SourceSimulator, body: bytes) -> None:
    server.serve("/LATEST", body)
    with pytest.raises(FetchError) as caught:
        bench.pull(make("http", **paged(server)))
    assert caught.value.code == "http.version"


@pytest.mark.parametrize("hostile", ["../../etc", "..", "a/b", "a?b", "a#b", "a b", "%2e%2e"])
def test_a_version_is_no_way_out_of_the_url(bench: Bench, server: SourceSimulator, hostile: str) -> None:
    server.serve("/LATEST", f"<{hostile}>".encode())
    probe = {"url": server.url("/LATEST"), "pattern": "<(.*)>"}
    with pytest.raises(FetchError) as caught:
        bench.pull(make("http", template=server.url("/r-{version}"), probe=probe))
    assert caught.value.code == "http.version"


def test_numbers_are_tried_until_one_is_missing_and_next_time_from_there(bench: Bench, server: SourceSimulator) -> None:
    count(server, 3, 4, 5)
    source = make("http", template=server.url("/{version}.zip"), probe={"start": 3})
    first = bench.pull(source)
    assert (first.version, bench.contents(first)) == ("5", {"5.zip": b"5"})
    assert [seen.path for seen in server.seen] == ["/3.zip", "/4.zip", "/5.zip", "/6.zip", "/5.zip"]
    del server.seen[:]
    count(server, 5, 6)
    assert bench.pull(source, first).version == "6"
    assert [seen.path for seen in server.seen] == ["/5.zip", "/6.zip", "/7.zip", "/6.zip"]


def test_old_numbers_may_go_as_new_ones_come(bench: Bench, server: SourceSimulator) -> None:
    count(server, 1)
    source = make("http", template=server.url("/{version}.zip"))
    first = bench.pull(source)
    count(server, 2, 3)
    assert bench.pull(source, first).version == "3"


def test_numbers_that_went_back_are_refused(bench: Bench, server: SourceSimulator) -> None:
    count(server, 1, 2, 3)
    source = make("http", template=server.url("/{version}.zip"))
    first = bench.pull(source)
    count(server, 1)
    with pytest.raises(RollbackError) as caught:
        bench.pull(source, first)
    assert (caught.value.code, caught.value.have) == ("source.older", "3 pulled before, 1 upstream")


def test_counting_ends(bench: Bench, server: SourceSimulator) -> None:
    count(server, *range(1, 40))
    source = make("http", template=server.url("/{version}.zip"), probe={"start": 1, "most": 5})
    assert bench.pull(source).version == "5"
    count(server)
    with pytest.raises(FetchError) as caught:
        bench.pull(source)
    assert caught.value.code == "http.version"


def test_a_server_that_fails_is_no_missing_number(bench: Bench, server: SourceSimulator) -> None:
    server.on("/1.zip", upstream.status(403))
    with pytest.raises(FetchError) as caught:
        bench.pull(make("http", template=server.url("/{version}.zip")))
    assert caught.value.code == "http.status"


def test_check_tells_the_newest_version(bench: Bench, server: SourceSimulator) -> None:
    publish(server, "7")
    with bench.workbench() as work:
        check = make("http", **paged(server)).check(work)
    assert (check.version, [target.path for target in check.targets]) == ("7", ["rules-7.tar.gz"])


@pytest.mark.parametrize(
    "probe", [{"url": "https://h/l"}, {"pattern": "(x)"}, {"url": "https://h/l", "pattern": "(x)", "start": 1},
              {"url": "https://h/l", "pattern": "x"}, {"url": "https://h/l", "pattern": "(x)(y)"},
              {"url": "https://h/l", "pattern": "("}],
)  # fmt: skip
def test_a_probe_that_cannot_work_is_refused_at_configuration(probe: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("http", template="https://h/{version}", probe=probe)
    assert caught.value.code == "source.probe"


@pytest.mark.parametrize(
    ("candidate", "release"), [("2.0-rc1", "2.0"), ("2.0.0-beta.3", "2.0"), ("2.0b1", "2"), ("v2-pre", "v2")]
)
def test_a_release_candidate_does_not_block_its_release(
    bench: Bench, server: SourceSimulator, candidate: str, release: str
) -> None:
    options = {"template": server.url("/r-{version}.zip"), "path": "r.zip"}
    probe = {"url": server.url("/LATEST"), "pattern": "r-([^ ]+)[.]zip"}
    source = make("http", **options, probe=probe)
    server.serve("/LATEST", f"r-1.9.zip r-{candidate}.zip".encode())
    server.serve(f"/r-{candidate}.zip", b"candidate")
    server.serve(f"/r-{release}.zip", b"release")
    first = bench.pull(source)
    assert first.version == candidate
    server.serve("/LATEST", f"r-1.9.zip r-{release}.zip r-{candidate}.zip".encode())
    assert bench.contents(bench.pull(source, first)) == {"r.zip": b"release"}
    server.serve("/LATEST", b"r-1.9.zip")
    server.serve("/r-1.9.zip", b"old")
    with pytest.raises(RollbackError):
        bench.pull(source, first)
