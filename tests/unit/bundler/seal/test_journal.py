"""A run is decided or it is not: after an interruption the home is before it or behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.home import Home
from bundler.seal.journal import Journal, PendingFile, finish_interrupted
from manifests.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    home.store().create()
    return home


def pending_file(path: Path) -> PendingFile:
    file = PendingFile.of(path)
    assert file.partial == path.with_name(f".{path.name}.partial")
    return file


def test_what_was_not_committed_is_removed(home: Home, tmp_path: Path) -> None:
    file = pending_file(tmp_path / "one.zip")
    Journal.begin(home, [file], None)
    file.partial.write_bytes(b"half")
    finish_interrupted(home)
    assert not file.partial.exists()
    assert not file.final.exists()
    assert not home.journal.exists()


def test_what_was_committed_gets_its_names(home: Home, tmp_path: Path) -> None:
    files = [pending_file(tmp_path / name) for name in ("one.zip", "two.zip")]
    journal = Journal.begin(home, files[:1], None).extend(home, files[1:])
    for file in files:
        file.partial.write_bytes(file.final.name.encode())
    journal.commit(home)
    files[0].partial.rename(files[0].final)  # a crash came between the two
    finish_interrupted(home)
    assert [file.final.read_bytes() for file in files] == [b"one.zip", b"two.zip"]
    assert not home.journal.exists()


def test_a_name_that_is_taken_is_refused_and_its_file_stays(home: Home, tmp_path: Path) -> None:
    taken = tmp_path / "one.zip"
    taken.write_bytes(b"mine")
    with pytest.raises(UsageError) as caught:
        Journal.begin(home, [PendingFile.of(taken)], None)
    assert caught.value.code == "create.exists"
    assert taken.read_bytes() == b"mine"
    assert not home.journal.exists()


def test_without_a_journal_there_is_nothing_to_finish(home: Home) -> None:
    finish_interrupted(home)
    assert not home.journal.exists()
