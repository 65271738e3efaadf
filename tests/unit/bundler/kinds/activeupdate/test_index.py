"""Where the index of a tree is found, against a real upstream."""

from __future__ import annotations

import pytest

from bundler.fetch.fetcher import Fetcher
from bundler.fetch.options import FetchOptions
from bundler.kinds.activeupdate.index import FoundIndex, find_index
from manifests.errors import FetchError, MalformedError
from tests.support.active_update_index import DOCUMENTED
from tests.support.active_update_tree import zipped
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

INI = DOCUMENTED.encode()
OTHER = b"[ENGINE]\nE.1=N,engine/other.zip,1,1\n"


def found(bench: Bench, server: SourceSimulator) -> FoundIndex:
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "au") as fetcher:
        return find_index(fetcher, server.url("/au"))


def test_the_zip_goes_before_the_plain_file(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/au/ini_xml.zip", zipped({"Server.INI": INI}))
    server.serve("/au/server.ini", OTHER)
    index = found(bench, server)
    assert (index.data, index.origin, len(index.index.components)) == (INI, "server.ini in ini_xml.zip", 11)


@pytest.mark.parametrize("packed", [None, b"no archive", zipped({"server.xml": b"<xml/>"})])
def test_without_an_index_in_the_zip_the_plain_file_counts(
    bench: Bench, server: SourceSimulator, packed: bytes | None
) -> None:
    if packed is not None:
        server.serve("/au/ini_xml.zip", packed)
    server.serve("/au/server.ini", OTHER)
    index = found(bench, server)
    assert (index.data, index.origin) == (OTHER, "server.ini")
    assert [component.path for component in index.index.components] == ["engine/other.zip"]


def test_a_hostile_zip_is_refused_by_its_name_although_a_plain_file_is_there(
    bench: Bench, server: SourceSimulator
) -> None:
    server.serve("/au/ini_xml.zip", zipped({"../server.ini": INI}))
    server.serve("/au/server.ini", OTHER)
    with pytest.raises(MalformedError) as caught:
        found(bench, server)
    assert caught.value.what.startswith("ini_xml.zip is refused: ")


def test_an_upstream_without_any_index_is_no_tree(bench: Bench, server: SourceSimulator) -> None:
    with pytest.raises(FetchError) as caught:
        found(bench, server)
    assert caught.value.code == "http.status"
