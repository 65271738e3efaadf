"""What one pull remembers for the next."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from bundler.fetch.fetcher import Fetcher
from bundler.fetch.options import FetchOptions
from bundler.sources.base import Pull
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


def test_a_document_that_did_not_change_comes_from_the_store(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/i", b"index", etag='"1"')
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        assert fetcher.document(server.url("/i?key=secret"), max_bytes=10) == b"index"
    first = Pull((), "", memo=fetcher.memo())
    assert "secret" not in str(first.memo)
    with bench.workbench(first) as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        assert fetcher.document(server.url("/i?key=secret"), max_bytes=10) == b"index"
    assert [seen.status for seen in server.seen] == [200, 304]
    assert fetcher.memo() == first.memo


@pytest.mark.parametrize("damage", [{}, {"sha256": "../../x"}, {"sha256": "0" * 64, "length": 5}, 7])
def test_a_damaged_memory_of_a_document_is_no_memory(bench: Bench, server: SourceSimulator, damage: Any) -> None:
    server.serve("/i", b"index", etag='"1"')
    key = hashlib.sha256(server.url("/i").encode()).hexdigest()
    with (
        bench.workbench(Pull((), "", memo={"documents": {key: damage}})) as work,
        Fetcher(FetchOptions(), work, "s") as fetcher,
    ):
        assert fetcher.document(server.url("/i"), max_bytes=10) == b"index"
    assert "if-none-match" not in server.seen[0].headers
