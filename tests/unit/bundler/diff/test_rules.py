from __future__ import annotations

import hashlib
from dataclasses import replace

from bundler.diff.rules import NotCompared, RuleChange, RuleVersion, SourceRules, compare_rules
from bundler.diff.targets import compare_targets
from manifests.manifest import Target
from tests.support.rule_packs import FILES, members, pack_7z
from tests.support.rule_sets import manifest, sigma


def suricata(*rules: tuple[int, int, str]) -> bytes:
    return "".join(
        f'{sign}alert ip any any -> any any (msg:"R{sid}"; sid:{sid}; rev:{rev};)\n' for sid, rev, sign in rules
    ).encode()


def compared(old: dict[str, bytes], new: dict[str, bytes]) -> tuple[SourceRules, ...]:
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values())}
    return compare_rules(compare_targets(manifest(1, old), manifest(2, new)), lambda target: held.get(target.sha256))


def identifiers(row: SourceRules) -> dict[str, tuple[list[str], list[str], list[str]]]:
    return {
        f.format: tuple([c.identifier for c in part] for part in (f.added, f.updated, f.removed))  # type: ignore[misc]
        for f in row.formats
    }


def test_rules_are_added_updated_and_removed_by_identifier() -> None:
    (row,) = compared(
        {"s/a.rules": suricata((1, 1, ""), (2, 1, ""), (3, 1, ""))},
        {"s/a.rules": suricata((1, 1, ""), (2, 2, ""), (4, 1, "#"))},
    )
    assert row.source == "s"
    (changes,) = row.formats
    on = RuleVersion("1", enabled=True)
    assert changes.added == (RuleChange("4", "R4", None, RuleVersion("1", enabled=False)),)
    assert changes.updated == (RuleChange("2", "R2", on, RuleVersion("2", enabled=True)),)
    assert changes.removed == (RuleChange("3", "R3", on, None),)


def test_a_rule_that_is_switched_off_is_updated() -> None:
    (row,) = compared({"s/a.rules": suricata((1, 1, ""))}, {"s/a.rules": suricata((1, 1, "# "))})
    assert identifiers(row) == {"Suricata": ([], ["1"], [])}


def test_a_rule_that_moved_to_another_file_is_no_change() -> None:
    assert (
        compared({"s/a.yml": sigma("a"), "s/b.yml": sigma("b")}, {"s/b.yml": sigma("b"), "s/new/c.yml": sigma("a")})
        == ()
    )


def test_sources_do_not_mix() -> None:
    rows = compared({"one/a.yml": sigma("a")}, {"two/a.yml": sigma("a")})
    assert [(row.source, identifiers(row)) for row in rows] == [
        ("one", {"Sigma": ([], [], ["a"])}),
        ("two", {"Sigma": (["a"], [], [])}),
    ]


def test_rule_packs_are_compared_newest_with_newest() -> None:
    first = pack_7z(members(release="25-054"))
    changed = dict(FILES) | {
        "intrusion-prevention/1012483.xml": b"<rule id='1012483' v='2'/>",
        "log-inspection/9.xml": b"9",
    }
    del changed["integrity-monitoring/1002770.xml"]
    second = pack_7z(members(changed, release="26-001"))
    (row,) = compared(
        {"packs/25-053.dsru": b"old", "packs/25-054.dsru": first},
        {"packs/25-054.dsru": first, "packs/26-001.dsru": second},
    )
    assert identifiers(row) == {
        "rule pack": (
            ["log-inspection/9"],
            ["intrusion-prevention/1012483"],
            ["integrity-monitoring/1002770"],
        )
    }
    assert row.not_compared == ()


def test_what_cannot_be_compared_is_said_with_its_reason_and_the_rest_is_compared() -> None:
    old = {"s/a.yml": sigma("a"), "s/b.yar": b"rule X { condition: true }", "s/c.rules": b"x"}
    new = {"s/a.yml": sigma("a", "y"), "s/b.yar": b"rule X {", "s/c.rules": suricata((1, 1, ""))}
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values()) if data != b"x"}
    (row,) = compare_rules(compare_targets(manifest(1, old), manifest(2, new)), lambda target: held.get(target.sha256))
    assert identifiers(row) == {"Sigma": ([], ["a"], [])}
    assert row.not_compared == (
        NotCompared("s/b.yar", "It ends within the YARA rule X. [rules.yara]"),
        NotCompared("s/c.rules", "Its content is not at hand. [rules.not-carried]"),
    )


def test_a_large_file_is_compared_as_a_whole_and_never_asked_for() -> None:
    old, new = manifest(1, {"s/a.rules": b"a"}), manifest(2, {"s/a.rules": b"b"})
    large = replace(new, targets=tuple(replace(target, length=2**25 + 1) for target in new.targets))
    asked: list[Target] = []
    (row,) = compare_rules(compare_targets(old, large), lambda target: asked.append(target) or b"a")  # type: ignore[func-returns-value]
    assert [entry.reason for entry in row.not_compared] == ["It is larger than 33,554,432 bytes. [rules.too-large]"]
    assert old.targets[0] in asked
    assert large.targets[0] not in asked
