from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.kinds.directory import DirectorySource
from bundler.sources.base import Workbench
from bundler.sources.globs import GlobSet
from manifests.errors import ConfigurationError, FetchError
from tests.support.benches import Bench, make


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "inner").mkdir(parents=True)
    (root / "a.rules").write_bytes(b"alert\n")
    (root / "inner" / "b.cvd").write_bytes(b"x" * 3_000_000)
    return root


def refused(bench: Bench, **options: object) -> FetchError:
    with pytest.raises(FetchError) as caught:
        bench.pull(make("directory", **options))
    return caught.value


def test_every_file_below_the_directory_is_carried_under_its_relative_path(bench: Bench, tree: Path) -> None:
    pulled = bench.pull(make("directory", path=str(tree)))
    assert bench.contents(pulled) == {"a.rules": b"alert\n", "inner/b.cvd": b"x" * 3_000_000}
    assert pulled.verification == "carried, not verified"


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        (["**"], [], {"a.rules", "x/a.rules", "x/y/b.cvd"}),
        (["*.rules"], [], {"a.rules"}),
        (["**/*.rules"], [], {"a.rules", "x/a.rules"}),
        (["x/**"], ["**/*.cvd"], {"x/a.rules"}),
        (["**"], ["x/*"], {"a.rules", "x/y/b.cvd"}),
        (["?.rules", "x/y/*"], [], {"a.rules", "x/y/b.cvd"}),
        (["[a].rules"], [], set()),
    ],
)
def test_globs_stay_within_one_part_but_for_two_stars(include: list[str], exclude: list[str], taken: set[str]) -> None:
    globs = GlobSet(tuple(include), tuple(exclude))
    assert {path for path in ("a.rules", "x/a.rules", "x/y/b.cvd") if globs.takes(path)} == taken


def test_an_unchanged_file_is_not_read_again(bench: Bench, tree: Path) -> None:
    source = make("directory", path=str(tree))
    first = bench.pull(source)
    with bench.workbench(first) as work:
        second = source.pull(work)
        assert not list(bench.home.temporary.iterdir())
    assert second.targets == first.targets


def test_a_file_touched_just_now_is_read_again_since_its_times_may_not_show_the_next_change(
    tmp_path: Path, tree: Path
) -> None:
    bench = Bench(tmp_path / "other")
    bench.now = bench.now.fromtimestamp((tree / "a.rules").stat().st_mtime, tz=bench.now.tzinfo)
    assert bench.pull(make("directory", path=str(tree))).memo == {"files": {}}


def test_a_changed_file_is_read_again(bench: Bench, tree: Path) -> None:
    source = make("directory", path=str(tree))
    first = bench.pull(source)
    (tree / "a.rules").write_bytes(b"drop!\n")
    second = bench.pull(source, first)
    assert bench.contents(second)["a.rules"] == b"drop!\n"
    assert second.targets != first.targets


def test_content_that_the_store_lost_is_read_again(bench: Bench, tree: Path) -> None:
    source = make("directory", path=str(tree))
    first = bench.pull(source)
    bench.store.path(first.targets[0].blob.sha256).unlink()
    assert bench.contents(bench.pull(source, first))["a.rules"] == b"alert\n"


def test_a_removed_file_is_no_longer_carried(bench: Bench, tree: Path) -> None:
    source = make("directory", path=str(tree))
    first = bench.pull(source)
    (tree / "a.rules").unlink()
    assert [target.path for target in bench.pull(source, first).targets] == ["inner/b.cvd"]


def test_a_link_is_refused_by_name(bench: Bench, tree: Path) -> None:
    (tree / "link").symlink_to("/etc/passwd")
    error = refused(bench, path=str(tree))
    assert error.code == "directory.link"
    assert str(tree / "link") in error.what


def test_a_linked_directory_is_refused_and_not_followed(bench: Bench, tree: Path) -> None:
    (tree / "up").symlink_to("..")
    assert refused(bench, path=str(tree)).code == "directory.link"


def test_a_special_file_is_refused_and_not_opened(bench: Bench, tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    assert refused(bench, path=str(tree)).code == "directory.special"


def test_links_and_special_files_are_passed_over_when_asked_and_it_is_said(bench: Bench, tree: Path) -> None:
    (tree / "link").symlink_to("a.rules")
    os.mkfifo(tree / "pipe")
    pulled = bench.pull(make("directory", path=str(tree), skip_links=True))
    assert [target.path for target in pulled.targets] == ["a.rules", "inner/b.cvd"]
    assert pulled.verification == "carried, not verified; skipped 2 links or special files (first: 'link')"


def test_an_excluded_link_is_no_matter(bench: Bench, tree: Path) -> None:
    (tree / "link").symlink_to("a.rules")
    assert len(bench.pull(make("directory", path=str(tree)), exclude=["link"]).targets) == 2


@pytest.mark.parametrize("name", ["back\\slash", "new\nline", "e\u0301.txt", "zero\u200bwidth", b"\xff.bin"])
def test_a_name_that_breaks_the_rules_for_paths_is_refused_by_name(bench: Bench, tree: Path, name: str | bytes) -> None:
    path = os.path.join(os.fsencode(tree), os.fsencode(name))
    with open(path, "wb"):
        pass
    error = refused(bench, path=str(tree))
    assert error.code == "directory.name"
    assert repr(os.fsdecode(name)) in error.what
    assert error.todo == "rename or exclude it"


def test_a_tree_deeper_than_a_target_path_is_refused(bench: Bench, tree: Path) -> None:
    deep = tree.joinpath(*"abcdefghijklmnop")
    deep.mkdir(parents=True)
    (deep / "x").touch()
    assert refused(bench, path=str(tree)).code == "directory.name"


PRIVATE = {
    ".git/config": b"url = https://robot:SECRET@git.example\n",
    "sub/.git": b"gitdir: /elsewhere\n",
    "sub/.svn/wc.db": b"SECRET",
    "a.rules~": b"old",
    "sub/.a.rules.swp": b"SECRET",
    ".env": b"SECRET",
    "mirror.git/HEAD": b"ref: refs/heads/main\n",
    "mirror.git/config": b"SECRET",
    "mirror.git/refs/heads/main": b"0",
    "mirror.git/objects/pack/p": b"SECRET",
}


def test_version_control_editors_files_and_secrets_stay_and_are_named(bench: Bench, tree: Path) -> None:
    before = bench.pull(make("directory", path=str(tree)))
    for name, data in PRIVATE.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    made = make("directory", path=str(tree))
    found = bench.pull(made)
    assert found.targets == before.targets
    said = "skipped 7 private files or directories ('.env', '.git/', 'a.rules~', …)"
    assert found.verification == f"carried, not verified; {said}"
    with bench.workbench() as work:
        assert said in made.check(work).note
    everything = bench.pull(make("directory", path=str(tree), skip_private=False))
    assert {target.path for target in everything.targets} == {*PRIVATE, *(target.path for target in before.targets)}


def test_what_no_glob_takes_is_not_named_as_passed_over(bench: Bench, tree: Path) -> None:
    (tree / ".git").mkdir()
    (tree / ".env").write_bytes(b"SECRET")
    found = bench.pull(make("directory", path=str(tree)), exclude=[".git/**", ".env"])
    assert found.verification == "carried, not verified"


def test_an_empty_directory_looks_unmounted_and_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refused(bench, path=str(tmp_path / "empty")).code == "directory.empty"
    assert bench.pull(make("directory", path=str(tmp_path / "empty")), allow_empty=True).targets == ()


def test_a_missing_directory_is_named(bench: Bench, tmp_path: Path) -> None:
    error = refused(bench, path=str(tmp_path / "gone"))
    assert error.code == "directory.missing"
    assert str(tmp_path / "gone") in error.what


def test_a_file_in_the_place_of_the_directory_is_refused(bench: Bench, tree: Path) -> None:
    assert refused(bench, path=str(tree / "a.rules")).code == "directory.missing"


def test_a_relative_path_is_refused_at_configuration() -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("directory", path="rules")
    assert caught.value.code == "source.path"


class Writer(DirectorySource):
    """A directory in which somebody writes after each reading of the list."""

    writes: int = 0

    def _find(self, bench):  # type: ignore[no-untyped-def]
        listing = super()._find(bench)
        if self.writes:
            object.__setattr__(self, "writes", self.writes - 1)
            (self.path / "a.rules").write_bytes(b"write %d\n" % self.writes)
        return listing


def writer(tree: Path, writes: int) -> Writer:
    source = Writer.from_config("s", {"path": str(tree)})
    object.__setattr__(source, "writes", writes)
    return source


def test_a_file_that_changes_after_it_was_listed_is_read_again(bench: Bench, tree: Path) -> None:
    assert bench.contents(bench.pull(writer(tree, 1)))["a.rules"] == b"write 0\n"


def test_a_directory_that_never_holds_still_is_refused(bench: Bench, tree: Path) -> None:
    with pytest.raises(FetchError) as caught:
        bench.pull(writer(tree, 1000))
    assert caught.value.code == "directory.changing"
    assert not list(bench.home.temporary.iterdir())


def test_a_file_that_grows_while_it_is_read_is_noticed(bench: Bench, tree: Path) -> None:
    source = make("directory", path=str(tree))
    big = tree / "inner" / "b.cvd"

    class Growing:
        def start(self, step: str, total: int | None = None) -> None:
            pass

        def advance(self, done: int) -> None:
            with big.open("ab") as file:
                file.write(b"more"[:done])

    with bench.store.batch() as batch:
        work = Workbench(bench.store, batch, lambda: bench.now, Growing(), bench.pauses.append)
        with pytest.raises(FetchError) as caught:
            source.pull(work)
    assert caught.value.code == "directory.changing"
    assert str(big) in caught.value.what


def test_check_reads_no_file_and_says_what_is_new(bench: Bench, tree: Path) -> None:
    source = make("directory", path=str(tree))
    first = bench.pull(source)
    (tree / "c.rules").write_bytes(b"new")
    with bench.workbench(first) as work:
        check = source.check(work)
    assert [(target.path, target.length, target.state) for target in check.targets] == [
        ("a.rules", 6, "unchanged"),
        ("c.rules", 3, "to read"),
        ("inner/b.cvd", 3_000_000, "unchanged"),
    ]
