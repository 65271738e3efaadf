"""What is in a rule pack, as text and as JSON, as ``bundle rulepack`` prints it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from bundler.cli import group
from tests.support.rule_packs import pack_directory


def printed(*arguments: object) -> str:
    done = CliRunner().invoke(group, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_a_pack_is_said_in_a_line_and_rule_by_rule_when_asked(tmp_path: Path) -> None:
    pack = tmp_path / "26-001.dsru"
    built = printed("rulepack", "build", pack_directory(tmp_path), "--out", pack, "--release", "26-001")
    shown = printed("rulepack", "show", "--rules", pack)
    assert built.splitlines()[1].startswith("release 26-001 of ")
    assert shown.splitlines()[0] == f"{pack}: {built.splitlines()[1]}"
    assert shown.splitlines()[1].split() == ["kind", "identifier", "change", "severity", "name"]
    ((row),) = json.loads(printed("rulepack", "show", "-o", "json", "--rules", pack))
    assert len(row["pack"]["rule_list"]) == len(shown.splitlines()) - 2


def test_a_vendors_pack_is_said_to_be_one_and_has_no_json(tmp_path: Path) -> None:
    pack = tmp_path / "26-002.dsru"
    pack.write_bytes(b"PK\x05\x06" + bytes(18))
    assert "no open rule pack" in printed("rulepack", "show", pack)
    assert json.loads(printed("rulepack", "show", "-o", "json", pack)) == [{"path": str(pack), "pack": None}]
