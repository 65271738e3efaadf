"""Open rule packs are built from a directory, always with the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundler.rules.build import build_pack
from manifests.archives import rulepack
from manifests.archives.rulepack import Release
from manifests.errors import ConfigurationError, MalformedError, SealiftError
from tests.support.rule_packs import pack_directory


def test_a_pack_is_built_from_a_directory_and_reads_back(tmp_path: Path) -> None:
    built = build_pack(pack_directory(tmp_path), tmp_path / "out.dsru")
    with built.path.open("rb") as file:
        assert rulepack.read_rule_pack(file) == built.pack
    assert built.length == built.path.stat().st_size
    assert len(built.pack.rules) == 4


def test_the_same_directory_always_gives_the_same_bytes(tmp_path: Path) -> None:
    source = pack_directory(tmp_path)
    assert build_pack(source, tmp_path / "1.dsru").sha256 == build_pack(source, tmp_path / "2.dsru").sha256


def test_the_release_can_be_given_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    built = build_pack(pack_directory(tmp_path), release="26-001")
    assert built.pack.release == Release(2026, 1)
    assert (tmp_path / "26-001.dsru").is_file()


def break_nothing_there(root: Path) -> None:
    (root / "rulepack.json").unlink()


def break_missing_body(root: Path) -> None:
    (root / "application-type/300.json").unlink()


def break_linked_body(root: Path) -> None:
    (root / "application-type/300.json").unlink()
    (root / "application-type/300.json").symlink_to("/etc/hostname")


def break_table(root: Path) -> None:
    (root / "rulepack.json").write_text("[]")


def break_rule(root: Path) -> None:
    (root / "rulepack.json").write_text('{"rules": [1]}')


def break_path(root: Path) -> None:
    text = (root / "rulepack.json").read_text()
    (root / "rulepack.json").write_text(text.replace("application-type/300.json", "../300.json"))


@pytest.mark.parametrize(
    ("harm", "kind", "code"),
    [
        (break_nothing_there, ConfigurationError, "rulepack.no-table"),
        (break_missing_body, ConfigurationError, "rulepack.no-file"),
        (break_linked_body, ConfigurationError, "rulepack.no-file"),
        (break_table, MalformedError, "rulepack.schema"),
        (break_rule, MalformedError, "rulepack.schema"),
        (break_path, MalformedError, "path.segment"),
    ],
)
def test_a_directory_that_is_no_pack_is_refused_and_nothing_is_written(
    tmp_path: Path, harm: Any, kind: type[SealiftError], code: str
) -> None:
    root = pack_directory(tmp_path)
    harm(root)
    with pytest.raises(kind) as caught:
        build_pack(root, tmp_path / "out.dsru")
    assert caught.value.code == code
    assert not (tmp_path / "out.dsru").exists()
