"""A publisher brought back from a backup that sites are ahead of: it goes on above all that any site has seen."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from bundler.history import History
from bundler.home import Home
from bundler.jobs.renumber import MOST_AHEAD, renumber_above
from bundler.repository import floor as version_floor
from manifests.errors import ConfigurationError, SealiftError, UsageError
from manifests.trust import Workflow, load_all_roles, trusted_root, update_roots
from tests.support.ngclient import updater
from tests.support.tuf_publisher import NOW, Publisher, target

DAY = timedelta(days=1)
SOURCES = {"a": [target("a/one", b"1")], "b": [target("b/x", b"333")]}


class Lost:
    """A publisher whose home was copied at version 2; a site followed the original to version 4, and has it in TUF."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path / "dmz")
        self.publisher = Publisher(self.home.metadata)
        self.cache = path / "site"
        self.state = trusted_root(self.publisher.load().roots[0])
        for day, content in enumerate((b"1", b"2")):
            self.publish(content, day)
        shutil.copytree(self.home.metadata, path / "backup")
        for day, content in enumerate((b"3", b"4"), 2):
            self.publish(content, day)
        self.follow()
        shutil.rmtree(self.home.metadata)
        shutil.copytree(path / "backup", self.home.metadata)

    def publish(self, content: bytes, day: int) -> int:
        staged = self.publisher.publish(SOURCES | {"b": [target("b/x", content)]}, NOW + day * DAY)
        return staged.snapshot_version

    def follow(self) -> None:
        """Let the site take what the publisher has now, as the relay does and as another TUF client does."""
        workflow = Workflow(self.state, NOW + 9 * DAY)

        def read(name: str, _: int) -> bytes | None:
            path = self.publisher.directory / name
            return path.read_bytes() if path.exists() else None

        update_roots(workflow, read)
        workflow.finish_roots()
        load_all_roles(workflow, read)
        self.state = workflow.state
        root = self.publisher.load().roots[0]
        updater(self.publisher.directory, self.cache, root=root, now=NOW + 9 * DAY).refresh()


@pytest.fixture
def lost(tmp_path: Path) -> Lost:
    return Lost(tmp_path)


def test_without_it_a_role_of_the_same_version_and_other_content_is_refused_however_often_one_seals(lost: Lost) -> None:
    for day in range(4, 9):
        lost.publish(b"4", day)
    with pytest.raises(SealiftError) as caught:
        lost.follow()
    assert caught.value.code in {"tuf.version.b", "tuf.rollback.b"}


def test_above_what_the_site_has_the_next_version_is_taken_by_every_client(lost: Lost) -> None:
    renumber_above(lost.home, 4)
    assert lost.publish(b"4", 4) == 5
    lost.follow()
    assert {role: data.signed.version for role, data in lost.publisher.load().targets.items()} == {
        "targets": 5,
        "a": 5,
        "b": 5,
    }


def test_it_helps_as_well_after_bundles_of_numbers_that_the_site_knows(lost: Lost) -> None:
    for day in range(4, 9):
        lost.publish(b"5", day)
    renumber_above(lost.home, 4)
    assert lost.publish(b"5", 9) == 8
    lost.follow()


def test_afterwards_roles_that_do_not_change_keep_their_version_again(lost: Lost) -> None:
    renumber_above(lost.home, 4)
    lost.publish(b"4", 4)
    lost.publish(b"5", 5)
    lost.follow()
    assert {role: data.signed.version for role, data in lost.publisher.load().targets.items()} == {
        "targets": 5,
        "a": 5,
        "b": 6,
    }


def test_a_role_that_is_gone_stays_listed_above_it_too(lost: Lost) -> None:
    renumber_above(lost.home, 4)
    lost.publisher.publish({"a": SOURCES["a"]}, NOW + 4 * DAY)
    lost.follow()
    assert lost.publish(b"4", 5) == 6
    lost.follow()


def test_what_was_sealed_before_is_forgotten_so_that_no_site_is_taken_to_have_it(lost: Lost) -> None:
    for version in (1, 2):
        directory = lost.home.generations / f"{version:06d}"
        directory.mkdir(parents=True)
        (directory / "order.json").write_text("{}")
    assert renumber_above(lost.home, 4).forgotten == (1, 2)
    assert History(lost.home).list_versions() == ()


def test_it_never_goes_back(lost: Lost) -> None:
    renumber_above(lost.home, 9)
    assert renumber_above(lost.home, 4).above == 9
    assert version_floor.read_floor(lost.home.metadata) == 9


@pytest.mark.parametrize("above", [0, -1, 3 + MOST_AHEAD])
def test_a_version_that_nobody_can_have_is_refused(lost: Lost, above: int) -> None:
    with pytest.raises(UsageError) as caught:
        renumber_above(lost.home, above)
    assert caught.value.code == "restored.above"
    assert version_floor.read_floor(lost.home.metadata) == 0


def test_a_floor_that_cannot_be_read_is_named(lost: Lost) -> None:
    version_floor.floor_path(lost.home.metadata).write_text('{"format": "sealift-floor/1"}')
    with pytest.raises(ConfigurationError) as caught:
        lost.publisher.load()
    assert caught.value.code == "repository.damaged"
