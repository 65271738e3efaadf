"""What is collected: versions that nobody needs, and content that none of the others needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.history import History
from bundler.jobs.again import create_again
from bundler.jobs.gc import collect_garbage
from manifests.disk.blobs import Blob
from tests.support.small_publisher import SmallPublisher


@pytest.fixture
def publisher(tmp_path: Path) -> SmallPublisher:
    """Versions 1, 2 and 3, of which two are kept."""
    publisher = SmallPublisher(tmp_path, retention=2)
    for text in ("one", "two", "three"):
        publisher.change(0, text)
        publisher.create()
    return publisher


def blobs(publisher: SmallPublisher) -> set[Blob]:
    return set(publisher.home.store().list_blobs())


def test_old_versions_go_with_what_only_they_need(publisher: SmallPublisher, tmp_path: Path) -> None:
    gone = History(publisher.home).read_version(1).volumes[0].manifest.targets[0]
    before = blobs(publisher)
    found = collect_garbage(publisher.context)
    assert (found.versions, found.kept_versions, found.sites) == ((1,), (2, 3), ())
    removed = before - blobs(publisher)
    assert Blob(gone.sha256, gone.length) in removed
    assert (found.blobs, found.length) == (len(removed), sum(blob.length for blob in removed))
    assert (found.kept_blobs, found.kept_length) == (
        len(before - removed),
        sum(blob.length for blob in before - removed),
    )
    assert create_again(publisher.context, 2, tmp_path / "again").files


def test_a_dry_run_says_the_same_and_removes_nothing(publisher: SmallPublisher) -> None:
    before = blobs(publisher)
    said = collect_garbage(publisher.context, dry_run=True)
    assert blobs(publisher) == before
    assert History(publisher.home).list_versions() == (1, 2, 3)
    assert said == collect_garbage(publisher.context)


def test_a_second_time_there_is_nothing_left_to_do(publisher: SmallPublisher) -> None:
    collect_garbage(publisher.context)
    again = collect_garbage(publisher.context)
    assert (again.versions, again.blobs, again.length) == ((), 0, 0)


def test_what_other_programs_hide_among_the_records_is_none(publisher: SmallPublisher) -> None:
    for name in ("._rules.json", ".rules.json.swp", ".#rules.json"):
        (publisher.home.sources / name).write_bytes(b"\0\5\x16\7")
    before = collect_garbage(publisher.context, dry_run=True)
    assert collect_garbage(publisher.context) == before
