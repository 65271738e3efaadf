"""Files that somebody else may be writing: read in one state, or refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.fetch.local_files import (
    ChangedError,
    Fingerprint,
    open_settled,
    read_settled,
    refusing_changes,
    settled_chunks,
    settled_fingerprints,
)
from manifests.errors import FetchError
from manifests.progress import NoProgress
from tests.support.benches import NOW


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    return path


def read(path: Path, mark: Fingerprint) -> bytes:
    with open_settled(path, mark) as opened:
        return b"".join(settled_chunks(path, opened, mark, NoProgress()))


def test_a_file_that_stands_still_is_read(file: Path) -> None:
    assert read(file, Fingerprint.of(file.lstat())) == b"abc"


def test_a_file_that_is_replaced_shortened_or_gone_has_changed(file: Path) -> None:
    mark = Fingerprint.of(file.lstat())
    other = file.with_name("b")
    other.write_bytes(b"xyz")
    other.replace(file)
    with pytest.raises(ChangedError):
        read(file, mark)
    file.unlink()
    with pytest.raises(ChangedError):
        read(file, mark)


def test_a_file_of_another_length_than_was_seen_has_changed(file: Path) -> None:
    mark = Fingerprint.of(file.lstat())
    with file.open("rb") as cut_short:
        cut_short.seek(1)
        with pytest.raises(ChangedError):
            b"".join(settled_chunks(file, cut_short, mark, NoProgress()))


def test_what_changes_once_is_read_once_more(tmp_path: Path) -> None:
    states = iter([1, 2, 3, 3])
    assert read_settled("s", tmp_path, lambda: next(states), lambda found: found * 10) == (3, 30)


def test_what_never_stands_still_is_refused(tmp_path: Path) -> None:
    states = iter(range(100))
    with pytest.raises(FetchError) as caught:
        read_settled("s", tmp_path, lambda: next(states), lambda found: found)
    assert caught.value.code == "directory.changing"
    assert next(states) == 6
    with pytest.raises(FetchError) as caught, refusing_changes("s"):
        raise ChangedError("/x/a")
    assert caught.value.what == "Source 's': /x/a changes while it is read"


def test_a_file_that_was_touched_just_now_is_read_again_next_time(file: Path) -> None:
    os.utime(file, (NOW.timestamp() - 1, NOW.timestamp() - 1))
    young = Fingerprint.of(file.lstat())
    os.utime(file, (1, 1))
    old = Fingerprint.of(file.lstat())
    assert settled_fingerprints({"young": young, "old": old}, NOW) == {"old": str(old)}
