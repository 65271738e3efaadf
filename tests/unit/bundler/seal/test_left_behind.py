"""What an interrupted run left on a medium that was taken out is removed when the medium is met again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.home import Home
from bundler.seal.journal import Journal, PendingFile, finish_interrupted
from bundler.seal.left_behind import remember_left_behind, remove_left_behind

NAME = ".acme-000001-full.zip.partial"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    home.store().create()
    return home


def begin(home: Home, stick: Path) -> PendingFile:
    stick.mkdir()
    file = PendingFile.of(stick / "acme-000001-full.zip")
    Journal.begin(home, [file], None)
    file.partial.write_bytes(b"half")
    return file


@pytest.mark.parametrize("again_at", ["stick", "media/other"])
def test_a_stick_that_comes_back_anywhere_loses_its_partial_file(tmp_path: Path, home: Home, again_at: str) -> None:
    begin(home, tmp_path / "stick")
    (tmp_path / "stick").rename(tmp_path / "away")
    finish_interrupted(home)
    assert not home.journal.exists()
    back = tmp_path / again_at
    back.parent.mkdir(exist_ok=True)
    (tmp_path / "away").rename(back)
    (back / ".acme-000002-full.zip.partial").write_bytes(b"somebody else's")
    Journal.begin(home, [PendingFile.of(back / "acme-000003-full.zip")], None)
    assert [path.name for path in back.iterdir()] == [".acme-000002-full.zip.partial"]
    assert not home.left_behind.exists()


def test_an_empty_directory_where_the_stick_was_mounted_is_not_the_stick(tmp_path: Path, home: Home) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    file = PendingFile(stick / NAME, stick / "acme-000001-full.zip", device=stick.stat().st_dev + 1)
    Journal.begin(home, [file], None)
    finish_interrupted(home)
    (stick / NAME).write_bytes(b"half")  # mounted again
    Journal.begin(home, [PendingFile.of(stick / "acme-000002-full.zip")], None)
    assert list(stick.iterdir()) == []


def test_nothing_is_remembered_of_a_medium_that_is_there(tmp_path: Path, home: Home) -> None:
    file = begin(home, tmp_path / "stick")
    finish_interrupted(home)
    assert not file.partial.exists()
    assert not home.left_behind.exists()


def test_the_oldest_names_are_forgotten_and_a_damaged_memory_is_none(tmp_path: Path, home: Home) -> None:
    remember_left_behind(home, (tmp_path / f".{number}.partial" for number in range(300)))
    for number in (0, 99, 100, 299):
        (tmp_path / f".{number}.partial").touch()
    remove_left_behind(home, tmp_path)
    assert {path.name for path in tmp_path.glob(".*.partial")} == {".0.partial", ".99.partial"}
    home.left_behind.write_bytes(b"\0")
    remove_left_behind(home, tmp_path)
    home.left_behind.write_text('{"names": ["../home/lock", ".99.partial"]}')
    remove_left_behind(home, tmp_path)
    assert {path.name for path in tmp_path.glob(".*.partial")} == {".0.partial"}
