"""Walking a tree: what is not entered is not opened, and no depth ends in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.fetch.local_tree import MAX_LEVELS, walk_tree
from bundler.sources.globs import GlobSet
from manifests.errors import FetchError
from tests.support.benches import Bench, make


def test_each_directory_comes_before_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "file").touch()
    (tmp_path / "a").touch()
    found = [(entry.path, entry.is_directory) for entry in walk_tree(tmp_path, lambda _: True)]
    assert found == [("", True), ("a", False), ("b/", True), ("b/c/", True), ("b/c/file", False)]


WITHOUT_ROOT = """
import os, sys
from pathlib import Path
from bundler.fetch.local_tree import walk_tree
from bundler.sources.globs import GlobSet
from manifests.errors import FetchError
os.setgid(65534); os.setuid(65534)
try:
    print([e.path for e in walk_tree(Path(sys.argv[1]), GlobSet(exclude=tuple(sys.argv[2:])).may_take_below)])
except FetchError as error:
    print(error.code, error.todo)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a directory that another user may not read")
@pytest.mark.parametrize(
    ("exclude", "entered"),
    [([], True), (["lost+found"], True), (["lost+found/**"], False), (["**/lost+found/**"], False), (["**"], False)],
)
def test_a_directory_that_is_excluded_is_not_opened(tmp_path: Path, exclude: list[str], *, entered: bool) -> None:
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(0o755)
    (tmp_path / "lost+found").mkdir(mode=0o700)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOT, str(tmp_path), *exclude], capture_output=True, text=True, check=True
    )
    if entered:
        assert done.stdout.startswith("directory.unreadable ")
        assert 'write exclude = ["lost+found/**"]' in done.stdout
    else:
        assert done.stdout == "['']\n"


@pytest.mark.parametrize("levels", [MAX_LEVELS, 1200])
def test_a_tree_of_any_depth_is_refused_in_order_or_passed_by(bench: Bench, tmp_path: Path, levels: int) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "file").write_bytes(b"x")
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    try:
        with pytest.raises(FetchError) as caught:
            bench.pull(make("directory", path=str(root)))
        assert caught.value.code == "directory.deep"
        assert caught.value.todo == 'exclude = ["d/**"]'
        assert len(bench.pull(make("directory", path=str(root)), exclude=["d/**"]).targets) == 1
        assert len(bench.pull(make("directory", path=str(root)), include=["*"]).targets) == 1
    finally:
        subprocess.run(["rm", "-rf", root], check=True)


@pytest.mark.parametrize("glob", ["**/*.yar", "x/*.yar"])
def test_what_no_include_reaches_is_not_entered(tmp_path: Path, glob: str) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "z").mkdir()
    entered = [entry.path for entry in walk_tree(tmp_path, GlobSet((glob,)).may_take_below)]
    assert entered == (["", "x/", "x/y/", "z/"] if glob.startswith("**") else ["", "x/"])
