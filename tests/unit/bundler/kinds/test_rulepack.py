"""The source of rule packs: which are carried, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manifests.errors import ConfigurationError, MalformedError, SealiftError
from manifests.manifest import TargetFacts
from tests.support.benches import Bench, make
from tests.support.rule_packs import members, pack_7z, pack_zip


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    directory = tmp_path / "packs"
    directory.mkdir()
    return directory


def test_packs_are_carried_under_their_own_names_and_summed_up_newest_first(bench: Bench, packs: Path) -> None:
    (packs / "25-053.dsru").write_bytes(pack_zip(members(release="25-053")))
    (packs / "25-054.dsru").write_bytes(pack_7z(members()))
    (packs / "99-001.dsru").write_bytes(b"vendor bytes")
    pulled = bench.pull(make("rulepack", path=str(packs / "*.dsru")))
    assert bench.contents(pulled) == {path.name: path.read_bytes() for path in packs.iterdir()}
    assert [(item.path, item.label) for item in pulled.items] == [
        ("25-054.dsru", "open rule pack"),
        ("25-053.dsru", "open rule pack"),
        ("99-001.dsru", "carried, inside not verified"),
    ]
    assert dict(pulled.items[0].facts)["rules"] == 4
    assert pulled.items[2] == TargetFacts(
        "99-001.dsru", "carried, inside not verified", (("release_by_name", "99-001"),)
    )
    assert pulled.verification == (
        "2 of 3 open rule packs, checked inside; 1 of 3 vendor packs carried, inside not verified; "
        "no upstream signature checked"
    )


def test_an_unchanged_pack_is_not_opened_again(bench: Bench, packs: Path) -> None:
    (packs / "25-054.dsru").write_bytes(pack_7z(members()))
    source = make("rulepack", path=str(packs / "*.dsru"))
    first = bench.pull(source)
    second = bench.pull(source, first)
    assert (second.targets, second.items) == (first.targets, first.items)


def test_only_the_newest_releases_are_carried_when_asked(bench: Bench, packs: Path) -> None:
    for release in ("99-052", "25-054", "25-053", "00-001"):
        (packs / f"{release}.dsru").write_bytes(b"vendor bytes of " + release.encode())
    source = make("rulepack", path=[str(packs / "*.dsru")], newest=2)
    first = bench.pull(source)
    assert [target.path for target in first.targets] == ["25-053.dsru", "25-054.dsru"]
    assert bench.pull(source, first).targets == first.targets


def test_an_unknown_release_cannot_be_among_the_newest(bench: Bench, packs: Path) -> None:
    (packs / "vendor.dsru").write_bytes(b"vendor bytes")
    assert source_refusal(bench, path=str(packs / "*.dsru"), newest=1) == "rulepack.release-unknown"


def test_a_pack_named_as_another_release_is_refused(bench: Bench, packs: Path) -> None:
    (packs / "25-055.dsru").write_bytes(pack_7z(members()))
    assert source_refusal(bench, path=str(packs / "25-055.dsru")) == "rulepack.release-mismatch"


def test_a_hostile_pack_fails_the_source_and_is_named(bench: Bench, packs: Path) -> None:
    (packs / "25-054.dsru").write_bytes(pack_zip({"../../../WebUI/WebApp/east.aspx": b"<%"}))
    with pytest.raises(MalformedError) as caught:
        bench.pull(make("rulepack", path=str(packs / "*.dsru")))
    assert caught.value.code == "archive.traversal"
    assert caught.value.what.startswith("25-054.dsru: ")
    assert not list(bench.home.temporary.iterdir())


def test_no_pack_at_all_is_refused(bench: Bench, packs: Path) -> None:
    assert source_refusal(bench, path=str(packs / "*.dsru")) == "rulepack.none"
    assert source_refusal(bench, path=str(packs / "25-054.dsru")) == "directory.missing"
    assert source_refusal(bench, path=str(packs / "gone" / "*.dsru")) == "directory.missing"


def test_a_linked_pack_is_refused(bench: Bench, packs: Path) -> None:
    (packs / "25-054.dsru").symlink_to("/etc/passwd")
    assert source_refusal(bench, path=str(packs / "*.dsru")) == "directory.link"


def test_two_packs_of_one_name_are_refused(bench: Bench, packs: Path) -> None:
    for name in ("a", "b"):
        (packs / name).mkdir()
        (packs / name / "25-054.dsru").write_bytes(b"x")
    assert (
        source_refusal(bench, path=[str(packs / "a" / "*.dsru"), str(packs / "b" / "*.dsru")])
        == "rulepack.duplicate-name"
    )


def test_a_glob_before_the_last_part_is_refused_at_configuration() -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("rulepack", path="/srv/*/25-054.dsru")
    assert caught.value.code == "source.path"


def source_refusal(bench: Bench, **options: Any) -> str:
    with pytest.raises(SealiftError) as caught:
        bench.pull(make("rulepack", **options))
    return caught.value.code


def test_a_star_fits_no_hidden_file_that_another_system_left(bench: Bench, packs: Path) -> None:
    (packs / "25-054.dsru").write_bytes(pack_7z(members()))
    (packs / "._25-054.dsru").write_bytes(b"\0\5\x16\7Mac OS X")
    pulled = bench.pull(make("rulepack", path=str(packs / "*.dsru")))
    assert [target.path for target in pulled.targets] == ["25-054.dsru"]
    with pytest.raises(SealiftError):
        bench.pull(make("rulepack", path=str(packs / ".*.dsru"), newest=1))
