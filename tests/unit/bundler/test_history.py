"""What is remembered of each version: whole as it was sealed, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.history import History
from bundler.home import Home
from manifests.errors import ConfigurationError, UsageError
from tests.support.sealed_versions import A, B, C, D, home_with_versions, sealed


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_with_versions(tmp_path)


def test_a_generation_is_kept_as_it_was_sealed(home: Home) -> None:
    wanted = sealed(7, "abc", volumes=3)
    history = History(home)
    history.stage_sealed(wanted)
    assert history.list_versions() == (1, 2, 4)
    history.publish_staged(7)
    assert history.list_versions() == (1, 2, 4, 7)
    assert history.read_version(7) == wanted
    assert history.read_targets(7) == wanted.volumes[0].manifest.targets
    assert set(history.needed_digests(7)) == {A, B, C, D}


def test_what_was_staged_and_never_published_is_not_known(home: Home) -> None:
    history = History(home)
    history.stage_sealed(sealed(7, "a"))
    history.discard_staged()
    history.publish_staged(7)
    assert history.list_versions() == (1, 2, 4)


def test_a_forgotten_generation_is_refused_with_those_that_are_kept(home: Home) -> None:
    history = History(home)
    history.forget_version(2)
    with pytest.raises(UsageError) as caught:
        history.read_version(2)
    assert caught.value.code == "history.unknown"
    assert caught.value.have == "versions 1, 4"


def test_half_forgotten_is_forgotten(home: Home) -> None:
    history = History(home)
    (home.generations / "000002" / "order.json").unlink()
    with pytest.raises(UsageError):
        history.read_targets(2)
    history.finish_forgetting()
    assert history.list_versions() == (1, 4)


@pytest.mark.parametrize("name", ["order.json", "manifest-0001.json"])
def test_a_damaged_record_is_refused(home: Home, name: str) -> None:
    (home.generations / "000002" / name).write_text("{}")
    with pytest.raises(ConfigurationError) as caught:
        History(home).read_version(2)
    assert caught.value.code == "history.damaged"


def test_a_manifest_of_another_version_is_refused(home: Home) -> None:
    manifest = home.generations / "000002" / "manifest-0001.json"
    manifest.write_bytes((home.generations / "000001" / "manifest-0001.json").read_bytes())
    with pytest.raises(ConfigurationError) as caught:
        History(home).read_version(2)
    assert caught.value.code == "history.damaged"
