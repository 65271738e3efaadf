"""A home comes to be whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.disk.new_home import build_home
from manifests.errors import ConfigurationError, StorageError


def test_a_home_gets_its_name_once_it_is_whole(tmp_path: Path) -> None:
    with build_home(tmp_path / "home", todo="look there") as fresh:
        (fresh / "file").write_text("whole")
        assert not (tmp_path / "home").exists()
    assert (tmp_path / "home" / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_failure_leaves_nothing_of_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError), build_home(tmp_path / "home", todo="look there") as fresh:
        fresh.write_text("it is a directory")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with build_home(tmp_path / "home", todo="look there") as fresh:
        (fresh / "file").touch()
    assert (tmp_path / "home" / "file").exists()


@pytest.mark.parametrize("taken", ["file", "full", "link"])
def test_what_is_there_is_refused_and_stays(tmp_path: Path, taken: str) -> None:
    path = tmp_path / "home"
    if taken == "file":
        path.touch()
    elif taken == "full":
        path.mkdir()
        (path / "mine").touch()
    else:
        path.symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigurationError) as caught, build_home(path, todo="look there"):
        pytest.fail("a home is built")
    assert (caught.value.code, caught.value.todo) == ("home.exists", "look there")
    assert sorted(tmp_path.rglob("*")) == before
