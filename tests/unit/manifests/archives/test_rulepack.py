from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.archives import rulepack
from manifests.archives.rulepack import Release
from manifests.errors import MalformedError
from tests.support.rule_packs import FILES, members, pack_7z, pack_zip, rule, table

BODY = FILES["intrusion-prevention/1012483.xml"]


def read(files: dict[str, bytes]) -> rulepack.RulePack | None:
    return rulepack.read_rule_pack(io.BytesIO(pack_7z(files)))


def refusal(files: dict[str, bytes]) -> str:
    with pytest.raises(MalformedError) as caught:
        read(files)
    return caught.value.code


def with_rule(**fields: Any) -> dict[str, bytes]:
    name = "intrusion-prevention/1012483.xml"
    return members({name: BODY}, rules=[rule(name, BODY, **fields)])


def test_releases_are_ordered_by_time_over_the_turn_of_the_century() -> None:
    texts = ["00-001", "25-054", "99-052", "24-200", "25-053", "69-001", "70-001", "00-002", "99-053"]
    assert [str(release) for release in sorted(map(Release.parse, texts))] == [
        "70-001", "99-052", "99-053", "00-001", "00-002", "24-200", "25-053", "25-054", "69-001",
    ]  # fmt: skip


@given(st.integers(0, 99), st.integers(0, 999))
def test_a_release_is_written_as_it_was_read(year: int, number: int) -> None:
    assert str(Release.parse(f"{year:02d}-{number:03d}")) == f"{year:02d}-{number:03d}"


@pytest.mark.parametrize("text", ["", "25-54", "2025-054", "25_054", "25-0540", " 25-054", "25-054\n", "٢٥-٠٥٤"])
def test_another_spelling_is_no_release(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Release.parse(text)
    assert caught.value.code == "rulepack.release"


def test_the_release_of_a_file_is_told_by_its_name() -> None:
    assert Release.of_file("x/25-054.dsru") == Release(2025, 54)
    assert Release.of_file("latest.dsru") is None


def test_an_open_pack_is_read_whole() -> None:
    pack = read(members(deleted=[{"kind": "log-inspection", "identifier": "1003000"}], title="Week 52", notes="Patch."))
    assert pack is not None
    assert (pack.release, pack.released, pack.title, pack.notes) == (
        Release(2025, 54),
        date(2025, 12, 23),
        "Week 52",
        "Patch.",
    )
    assert [(r.kind, r.identifier) for r in pack.rules] == [
        ("intrusion-prevention", "1012483"),
        ("integrity-monitoring", "1002770"),
        ("log-inspection", "1003802"),
        ("application-type", "300"),
    ]
    assert pack.deleted == (("log-inspection", "1003000"),)


def test_every_field_of_a_rule_is_read() -> None:
    fields: dict[str, Any] = {
        "name": "Apache Tomcat Remote Code Execution",
        "description": "…",
        "change": "updated",
        "severity": "critical",
        "priority": "highest",
        "minimum_agent_version": "9.0.0.0",
        "minimum_manager_version": "12.0",
        "original_issue": "2025-03-12",
        "last_updated": "2025-12-23",
        "depends_on": ["1000128"],
        "type": "exploit",
        "cve": ["CVE-2025-24813"],
        "cvss_score": "9.8",
        "detect_only": True,
        "application_type": "300",
        "level": 15,
        "groups": ["web"],
        "direction": "incoming",
        "protocol": "tcp-udp",
        "ports": "80,443",
    }
    pack = read(with_rule(**fields))
    assert pack is not None
    for name, value in fields.items():
        assert getattr(pack.rules[0], name) == (tuple(value) if isinstance(value, list) else value)


def test_a_pack_is_counted() -> None:
    rules = [rule(name, body, change="added" if "log" in name else "updated") for name, body in FILES.items()]
    pack = read(members(rules=rules, deleted=[{"kind": "log-inspection", "identifier": "1"}]))
    assert pack is not None
    assert dict(pack.facts()) == {
        "release": "25-054",
        "released": "2025-12-23",
        "rules": 4,
        "intrusion_prevention": 1,
        "integrity_monitoring": 1,
        "log_inspection": 1,
        "application_type": 1,
        "rules_added": 1,
        "rules_updated": 3,
        "rules_deleted": 1,
    }


def test_a_pack_that_says_nothing_of_changes_claims_none() -> None:
    pack = read(members())
    assert pack is not None
    assert not any(name.startswith("rules_") for name, _ in pack.facts())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"format": "sealift-rulepack/2"}, "rulepack.schema"),
        ({"release": "25-54"}, "rulepack.schema"),
        ({"released": "2025-13-01"}, "rulepack.schema"),
        ({"released": "2025-02-30"}, "rulepack.date"),
        ({"extra": 1}, "rulepack.schema"),
        ({"rules": {}}, "rulepack.schema"),
        ({"deleted": [{"kind": "firewall", "identifier": "1"}]}, "rulepack.schema"),
        ({"rules": []}, "rulepack.unlisted-file"),
    ],
)
def test_a_table_that_breaks_its_schema_is_refused(fields: dict[str, Any], code: str) -> None:
    assert refusal(members(**fields)) == code


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "firewall"},
        {"identifier": "../1"},
        {"severity": "terrible"},
        {"cve": ["CVE-25-1"]},
        {"cvss_score": "11"},
        {"cvss_score": 9},
        {"minimum_agent_version": "nine"},
        {"level": 16},
        {"sha256": "0"},
        {"colour": "red"},
    ],
)
def test_a_rule_that_breaks_the_schema_is_refused(fields: dict[str, Any]) -> None:
    assert refusal(with_rule(**fields)) == "rulepack.schema"


def test_a_day_that_is_not_in_the_calendar_is_refused() -> None:
    assert refusal(with_rule(last_updated="2025-02-29")) == "rulepack.date"


def test_a_missing_rule_file_is_refused() -> None:
    assert refusal({"rulepack.json": json.dumps(table()).encode()}) == "rulepack.missing-file"


def test_a_file_that_the_table_does_not_list_is_refused() -> None:
    assert refusal(members() | {"readme.txt": b"hello"}) == "rulepack.unlisted-file"


def test_another_content_than_the_table_lists_is_refused() -> None:
    assert refusal(members() | {"application-type/300.json": b"[]"}) == "rulepack.digest"


def test_a_rule_that_stands_twice_is_refused() -> None:
    files = {"log-inspection/1.xml": b"1", "log-inspection/1.json": b"2"}
    assert refusal(members(files)) == "rulepack.duplicate"


def test_a_file_that_two_rules_share_is_refused() -> None:
    name = "log-inspection/1.xml"
    rules = [rule(name, b"1"), rule(name, b"1", identifier="2")]
    assert refusal(members({name: b"1"}, rules=rules)) == "rulepack.duplicate"


def test_a_table_with_a_duplicate_key_is_refused() -> None:
    data = json.dumps(table()).replace('"release"', '"release":"25-053","release"', 1).encode()
    assert refusal(members() | {"rulepack.json": data}) == "json.duplicate-key"


@pytest.mark.parametrize(
    "data", [b"", b"proprietary \x00\x01", b"<rules/>", pack_zip({"update.xml": b"<x/>"}), pack_7z({"a": b"b"})]
)
def test_a_vendors_pack_is_none_of_ours(data: bytes) -> None:
    assert rulepack.read_rule_pack(io.BytesIO(data)) is None
