"""Nothing that had rules or signatures and has none now is pulled, whatever the kind of source."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.sources.emptiness import EmptyError
from tests.support.benches import Bench
from tests.support.stand_ins import LFS_POINTER

RULE = b'alert tcp any any -> any any (msg:"x"; sid:1;)\n'
CONTENT = {
    "a.rules": RULE,
    "a.yar": b"rule a { condition: true }",
    "a.yml": b"title: T\nid: t\ndetection:\n  x: y\n",
    "a.ndb": b"A.B:0:*:4142\n",
    "a.hdb": b"0" * 32 + b":1:A\n",
}


@pytest.fixture
def tree(bench: Bench, tmp_path: Path) -> Path:
    place = tmp_path / "clone"
    place.mkdir()
    (place / "README").write_bytes(b"read me")
    bench.configure("s", "directory", path=str(place))
    return place


def failure(bench: Bench) -> EmptyError:
    (failed,) = bench.pull_all().failures
    assert isinstance(failed.error, EmptyError)
    return failed.error


@pytest.mark.parametrize("left", [b"", b"# moved\n", b"# " + RULE], ids=["nothing", "a comment", "all commented out"])
@pytest.mark.parametrize("name", CONTENT)
def test_a_file_that_had_rules_and_has_none_is_refused_and_the_last_good_content_stays(
    bench: Bench, tree: Path, name: str, left: bytes
) -> None:
    (tree / name).write_bytes(CONTENT[name])
    (tree / "other.rules").write_bytes(RULE)
    assert bench.pull_all().failures == ()
    (tree / name).write_bytes(left)
    error = failure(bench)
    assert error.code == "source.empty"
    assert error.what == f"Source 's': there is no active rule or signature in {name}"
    assert str(error.have).startswith("1 before, none now: ")
    (target,) = [one for one in bench.pull_all().targets["s"] if one.path == f"s/{name}"]
    assert target.length == len(CONTENT[name])
    bench.configure("s", "directory", path=str(tree), allow_empty=True)
    assert bench.pull_all().failures == ()


def test_it_is_refused_too_when_the_source_was_configured_otherwise_meanwhile(bench: Bench, tree: Path) -> None:
    (tree / "a.rules").write_bytes(RULE)
    bench.pull_all()
    (tree / "a.rules").write_bytes(b"")
    bench.configure("s", "directory", path=str(tree), skip_links=True)
    assert failure(bench).code == "source.empty"


def test_a_source_whose_rule_files_are_all_gone_is_refused(bench: Bench, tree: Path) -> None:
    (tree / "a.rules").write_bytes(RULE)
    (tree / "b.yar").write_bytes(CONTENT["a.yar"])
    bench.pull_all()
    (tree / "a.rules").unlink()
    assert bench.pull_all().failures == ()
    (tree / "b.yar").unlink()
    assert failure(bench).have == "b.yar before, the first of 1"


def test_what_never_had_a_rule_needs_none(bench: Bench, tree: Path) -> None:
    (tree / "deleted.rules").write_bytes(b"# " + RULE)
    (tree / "config.yml").write_bytes(b"a: b\n")
    assert bench.pull_all().failures == ()
    (tree / "deleted.rules").write_bytes(b"# none\n")
    assert bench.pull_all().failures == ()


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.yar", LFS_POINTER, "a pointer of Git LFS"),
        ("model.bin", LFS_POINTER, "a pointer of Git LFS"),
        ("a.csv", b'{"error": "no such key"}', "an error in JSON"),
        ("a.rules", b"<!DOCTYPE html><html></html>", "a web page"),
    ],
)
def test_a_stand_in_is_refused_at_the_first_pull(bench: Bench, tree: Path, name: str, data: bytes, what: str) -> None:
    (tree / name).write_bytes(data)
    error = failure(bench)
    assert error.code == "source.stand-in"
    assert error.what == f"Source 's': {name} is {what} in place of the file"
    assert ("git lfs pull" in str(error.todo)) is (data is LFS_POINTER)
    bench.configure("s", "directory", path=str(tree), exclude=[name])
    assert bench.pull_all().failures == ()
    bench.configure("s", "directory", path=str(tree), allow_empty=True)
    assert bench.pull_all().failures == ()
