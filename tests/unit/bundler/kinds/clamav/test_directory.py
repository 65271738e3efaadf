"""A directory that cvdupdate or freshclam keeps, as an upstream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundler.sources.base import Pull, Source
from manifests.errors import ConfigurationError, SealiftError
from tests.support import clamav_forge as forge
from tests.support.benches import Bench, make


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A directory as cvdupdate leaves one: databases, increments, signatures, its own notes."""
    directory = tmp_path / "database"
    directory.mkdir()
    lay_out(directory, 6, since=4)
    (directory / "dns.txt").write_text("0.103.6:62:26600:1659715740:1:90:49192:333\n")
    return directory


def lay_out(directory: Path, version: int, *, since: int = 2) -> None:
    (directory / "x.cvd").write_bytes(forge.cvd(version))
    (directory / f"x-{version}.cvd.sign").write_bytes(forge.sign(version))
    for number in range(since, version + 1):
        (directory / f"x-{number}.cdiff").write_bytes(forge.cdiff(number))
        (directory / f"x-{number}.cdiff.sign").write_bytes(forge.sign(number))


def source(kept: Path, **options: Any) -> Source:
    return make("clamav", **{"path": str(kept), "databases": ["x"], **options})


def names(found: Pull) -> list[str]:
    return [target.path for target in found.targets]


def refused(bench: Bench, path: Path, previous: Pull | None = None, **options: Any) -> SealiftError:
    with pytest.raises(SealiftError) as caught:
        bench.pull(source(path, **options), previous)
    return caught.value


@pytest.fixture(autouse=True)
def no_sigtool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "none"))


def test_what_cvdupdate_keeps_is_carried_as_a_mirror_would_give_it(bench: Bench, kept: Path) -> None:
    found = bench.pull(source(kept))
    assert names(found) == [
        *(f"x-{number}.cdiff{end}" for number in (4, 5) for end in ("", ".sign")),
        "x-6.cdiff",
        "x-6.cdiff.sign",
        "x-6.cvd.sign",
        "x.cvd",
    ]
    assert bench.contents(found)["x.cvd"] == (kept / "x.cvd").read_bytes()
    assert (found.version, found.floor) == ("x 6", {"x": (6,)})
    assert found.verification == (
        "MD5 in the header matches: 1 of 1 database; 1 of 1 signature, 3 increments carried, not verified"
    )


def test_a_later_pull_takes_what_is_new_and_no_more_increments_than_configured(bench: Bench, kept: Path) -> None:
    first = bench.pull(source(kept))
    lay_out(kept, 7, since=7)
    found = bench.pull(source(kept, cdiffs=2), first)
    assert [name for name in names(found) if name.endswith(".cdiff")] == ["x-6.cdiff", "x-7.cdiff"]
    assert found.version == "x 7"


def test_a_last_increment_that_is_missing_is_an_empty_one(bench: Bench, kept: Path) -> None:
    (kept / "x-6.cdiff").unlink()
    found = bench.pull(source(kept))
    assert bench.contents(found)["x-6.cdiff"] == b""


@pytest.mark.parametrize("compressed", [False, True], ids=["cld", "CompressLocalDatabase"])
def test_a_database_that_freshclam_patched_is_carried_under_its_own_name(
    bench: Bench, tmp_path: Path, compressed: bool
) -> None:
    (tmp_path / "x.cld").write_bytes(forge.cld(9, compressed=compressed))
    (tmp_path / "freshclam.dat").write_bytes(b"\0")
    found = bench.pull(source(tmp_path))
    assert names(found) == ["x.cld"]
    assert found.verification == (
        "SHA-256 of the parts matches: 1 database that freshclam patched (.cld); 1 .cld carried, not verified"
    )
    (item,) = found.items
    assert item.path == "x.cld"
    assert item.label == (
        "ClamAV database that freshclam patched (.cld): no signature as a whole, carried, not verified"
    )
    assert bench.pull(source(tmp_path), found).targets == found.targets


@pytest.mark.parametrize(("cvd", "patched", "taken"), [(5, 6, "x.cld"), (6, 5, "x.cvd"), (6, 6, "x.cvd")])
def test_of_two_files_of_one_database_the_newer_is_taken(
    bench: Bench, tmp_path: Path, cvd: int, patched: int, taken: str
) -> None:
    (tmp_path / "x.cvd").write_bytes(forge.cvd(cvd))
    (tmp_path / "x.cld").write_bytes(forge.cld(patched))
    found = bench.pull(source(tmp_path))
    assert [name for name in names(found) if not name.endswith(".cdiff")] == [taken]


def test_a_check_reads_headers_and_stores_nothing(bench: Bench, kept: Path) -> None:
    with bench.workbench() as workbench:
        checked = source(kept).check(workbench)
    assert (checked.note, checked.version) == ("x 6 there, none here", "x 6")
    (target,) = checked.targets
    assert (target.path, str(target.state)) == ("x.cvd", "to fetch")


def test_custom_databases_of_the_directory_come_along_by_name(bench: Bench, kept: Path) -> None:
    (kept / "own.ndb").write_bytes(b"Own:0:*:414243\n")
    found = bench.pull(source(kept, custom=["own.ndb"]))
    assert bench.contents(found)["own.ndb"] == b"Own:0:*:414243\n"


def test_a_database_that_is_not_there_is_named_with_the_way_out(bench: Bench, kept: Path) -> None:
    error = refused(bench, kept, databases=["main", "x"])
    assert error.code == "clamav.missing"
    assert f"neither main.cvd nor main.cld in {kept}" in error.what
    assert "cvd update" in str(error.todo)


def test_the_three_official_databases_are_meant_where_none_is_named(bench: Bench, kept: Path) -> None:
    with pytest.raises(SealiftError, match="neither bytecode"):
        bench.pull(make("clamav", path=str(kept)))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda kept: (kept / "x.cvd").write_bytes(forge.cvd(6)[:-9]), "clamav.md5"),
        (lambda kept: (kept / "x.cvd").write_bytes(b"<html>"), "clamav.header"),
        (lambda kept: (kept / "x.cvd").write_bytes(b""), "clamav.header"),
        (lambda kept: (kept / "x-5.cdiff").write_bytes(forge.cdiff(5, said=4)), "clamav.cdiff"),
        (lambda kept: (kept / "x.cvd").rename(kept / "y") and (kept / "x.cvd").symlink_to("y"), "directory.link"),
        (lambda kept: kept.rename(kept.with_name("gone")), "directory.missing"),
    ],
    ids=["damaged", "page", "empty", "increment", "link", "no-directory"],
)
def test_what_is_wrong_in_the_directory_is_refused(bench: Bench, kept: Path, spoil: Any, code: str) -> None:
    spoil(kept)
    assert refused(bench, kept).code == code


def test_a_database_never_goes_back(bench: Bench, kept: Path) -> None:
    first = bench.pull(source(kept))
    (kept / "x.cvd").write_bytes(forge.cvd(5))
    assert refused(bench, kept, first).code == "source.older"


def test_a_directory_that_changes_while_it_is_read_is_read_again(
    bench: Bench, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new.cvd"
    new.write_bytes(forge.cvd(7))
    forge.program(tmp_path / "bin", f"[ ! -f {new} ] || mv {new} {kept}/x.cvd; echo 'Verification OK.'")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    found = bench.pull(source(kept))
    assert found.version == "x 7"
    assert bench.contents(found)["x.cvd"] == forge.cvd(7)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "https://mirror.example"}, "both url and path"),
        ({"path": "relative"}, "not absolute"),
        ({"custom": ["own.exe"]}, "not a custom database"),
    ],
)
def test_options_that_contradict_each_other_are_refused(kept: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        source(kept, **options)


def test_a_custom_file_name_needs_a_path() -> None:
    with pytest.raises(ConfigurationError, match="there is no path"):
        make("clamav", custom=["own.ndb"])
