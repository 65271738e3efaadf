"""Which new file an output leads to, whatever words it uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.kinds.dsa.output import ZipSighting, find_new_zips

LONG_AGO = 0
SOON = 2**62


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a b.zip").write_bytes(b"PK")
    return tmp_path / "a b.zip"


@pytest.mark.parametrize(
    "said",
    ["{path}", "Location: {directory}\nName: a b.zip", '"{path}" {path}', "X={path}.", "made <{path}>"],
)
def test_a_new_zip_is_found_in_any_words_and_once(file: Path, said: str) -> None:
    found = find_new_zips(said.format(path=file, directory=file.parent), (), LONG_AGO)
    assert found.new == (file,)


def test_a_bare_name_is_looked_for_where_we_were_told(file: Path, tmp_path: Path) -> None:
    assert find_new_zips("a b.zip", (), LONG_AGO) == ZipSighting((), ("b.zip is not there",))
    assert find_new_zips("a b.zip", (tmp_path,), LONG_AGO).new == (file,)


@pytest.mark.parametrize(
    ("name", "began", "wrong"),
    [
        ("a b.zip", SOON, "was there before"),
        ("link.zip", LONG_AGO, "is a link"),
        ("folder.zip", LONG_AGO, "is not a file"),
    ],
)
def test_what_is_no_new_file_is_named_with_what_is_wrong(file: Path, name: str, began: int, wrong: str) -> None:
    (file.parent / "link.zip").symlink_to(file)
    (file.parent / "folder.zip").mkdir()
    path = file.parent / name
    assert find_new_zips(str(path), (), began) == ZipSighting((), (f"{path} {wrong}",))


@pytest.mark.parametrize("text", ["", "done", "a.zipped", "x.zip.tmp", "../a b.zip\n" * 3])
def test_nothing_is_found_where_no_name_ends_or_a_name_leaves_its_directory(file: Path, text: str) -> None:
    assert find_new_zips(text, (file.parent / "sub",), LONG_AGO).new == ()
    assert os.listdir(file.parent) == ["a b.zip"]
