"""The rules of open rule packs."""

from __future__ import annotations

from tests.support.rule_archives import read, refusal
from tests.support.rule_packs import members, pack_7z


def test_an_open_rule_pack_is_read_rule_by_rule_and_a_vendors_is_not() -> None:
    found = read("25-054.dsru", pack_7z(members()))
    assert [(r.format, r.identifier) for r in found] == [
        ("rule pack", "intrusion-prevention/1012483"),
        ("rule pack", "integrity-monitoring/1002770"),
        ("rule pack", "log-inspection/1003802"),
        ("rule pack", "application-type/300"),
    ]
    assert found[0].title == "Rule 1012483.xml"
    assert refusal("25-055.dsru", pack_7z({"x.bin": b"vendor"})).code == "rules.vendor-pack"
