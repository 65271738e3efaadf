"""What is remembered of a database, and when a header says that there is nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundler.fetch.fetcher import Fetcher
from bundler.fetch.options import FetchOptions
from bundler.kinds.clamav.database import DatabaseProbe, KnownDatabase, Mirror
from bundler.kinds.clamav.files import HEADER_BYTES, read_header
from bundler.sources.base import Pull
from manifests.errors import RollbackError
from tests.support import clamav_forge as forge
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

HEADER = read_header(forge.cvd(5)[:HEADER_BYTES], name="x.cvd")


def after(memo: Any, version: int = 5) -> Pull:
    """A last good pull that left this in its memo."""
    return Pull((), "", memo={"databases": memo}, floor={"x": (version,)})


@pytest.mark.parametrize("known", [KnownDatabase(5, "ab", True, False), KnownDatabase(6, "cd", False, True)])
def test_what_is_remembered_comes_back_as_it_was(bench: Bench, known: KnownDatabase) -> None:
    with bench.workbench(after({"x": known.to_json()}, known.version)) as work:
        assert KnownDatabase.of(work, "x") == known
        assert KnownDatabase.of(work, "y") is None


@pytest.mark.parametrize("memo", [{}, [], {"x": 7}, {"x": {}}, {"x": {"header": 7}}])
def test_a_memory_that_is_not_as_expected_is_none(bench: Bench, memo: Any) -> None:
    with bench.workbench(after(memo)) as work:
        assert KnownDatabase.of(work, "x") is None


@pytest.mark.parametrize(
    ("known", "unchanged", "verified"),
    [
        (None, False, False),
        (KnownDatabase(5, "ab", True, True), True, True),
        (KnownDatabase(5, "ab", False, True), True, False),
        (KnownDatabase(5, "cd", True, True), False, False),
    ],
)
def test_a_signature_counts_as_verified_for_the_very_header_alone(
    known: KnownDatabase | None, unchanged: bool, verified: bool
) -> None:
    probe = DatabaseProbe(HEADER, "ab", known)
    assert (probe.unchanged, probe.verified) == (unchanged, verified)


def test_a_probe_reads_the_header_alone_and_refuses_an_older_one(
    bench: Bench, server: SourceSimulator, tmp_path: Path
) -> None:
    server.serve("/db/x.cvd", forge.cvd(5))
    for floor, refused in ((5, False), (6, True)):
        with bench.workbench(after({}, floor)) as work, Fetcher(FetchOptions(), work, "s") as fetcher:
            mirror = Mirror("s", server.url("/db"), 2, fetcher, work, None)
            if refused:
                with pytest.raises(RollbackError, match="x"):
                    mirror.probe("x")
            else:
                assert mirror.probe("x").header == HEADER
    assert {seen.body_bytes for seen in server.seen} == {HEADER_BYTES}
