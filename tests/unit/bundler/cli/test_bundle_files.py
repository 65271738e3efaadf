"""The publisher's commands that need no home: which file they mean when they refuse one of several."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bundler.cli import group
from manifests.errors import SealiftError
from tests.support.relay_bundles import BundleForge


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    good = forge.seal(tmp_path / "good.zip")
    (tmp_path / "bad.zip").write_bytes(good.read_bytes()[:-40])
    (tmp_path / "root.json").write_bytes(forge.root)
    return {path.stem: path for path in tmp_path.iterdir()}


def refused(*arguments: object) -> SealiftError:
    done = CliRunner().invoke(group, [str(argument) for argument in arguments])
    assert isinstance(done.exception, SealiftError)
    return done.exception


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "--accept-expired", "--root", "root", "good", "bad"),
        ("inspect", "good", "bad"),
        ("diff", "good", "bad"),
        ("diff", "bad", "good"),
    ],
)
def test_the_file_that_is_refused_is_named_with_what_to_do(files: dict[str, Path], command: tuple[str, ...]) -> None:
    error = refused(*(files.get(word, word) for word in command))
    assert error.what.startswith(f"{files['bad']}: ")
    assert error.todo


def test_what_is_no_root_is_named_with_where_to_get_one(files: dict[str, Path]) -> None:
    error = refused("verify", "--root", files["good"], files["good"])
    assert error.what.startswith(str(files["good"]))
    assert error.todo == "give the file of bundle keys export-root"


@pytest.mark.parametrize("command", ["inspect", "verify"])
@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "directory"])
def test_a_file_that_its_refusal_names_already_is_not_named_twice(
    files: dict[str, Path], command: str, kind: str
) -> None:
    odd = files["good"].with_name("odd.zip")
    if kind == "symbolic link":
        odd.symlink_to(files["good"])
    elif kind == "hard link":
        odd.hardlink_to(files["good"])
    elif kind == "directory":
        odd.mkdir()
    options = ["--root", files["root"]] if command == "verify" else []
    error = refused(command, *options, odd)
    assert error.what.count(str(odd)) == 1
    assert error.todo == "compare its sha256 with the slip, and copy it again"
