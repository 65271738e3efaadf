"""What changed between two bundles, as text and as JSON."""

from __future__ import annotations

import hashlib
import json

from bundler.diff.rules import compare_rules
from bundler.diff.targets import compare_targets
from bundler.report import difference as describe_difference
from manifests.text import fit_text
from tests.support.rule_sets import manifest, sigma


def test_the_text_fits_80_columns_whatever_a_rule_is_called() -> None:
    title = "攻撃" * 70 + "\x1b[31m"
    old = {"long-source-name/a.yml": sigma("a"), "same/x": b"x"}
    new = {"long-source-name/a.yml": sigma("a", "y").replace(b"T a", title.encode()), "same/x": b"x"}
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values())}
    found = compare_targets(manifest(1, old), manifest(2, new))
    by_rule = compare_rules(found, lambda target: held.get(target.sha256))
    text = describe_difference.difference_to_text(found, by_rule, targets=True, rules=True)
    assert "\x1b" not in text
    assert fit_text(text.splitlines()[-1], 80) == text.splitlines()[-1]
    assert text.splitlines()[-1].endswith("...")
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "unchanged: same" in text


def test_the_json_lists_every_target_and_every_rule() -> None:
    old, new = {"s/a.yml": sigma("a")}, {"s/a.yml": sigma("a", "y"), "s/b.yml": sigma("b")}
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values())}
    found = compare_targets(manifest(1, old), manifest(2, new))
    by_rule = compare_rules(found, lambda target: held.get(target.sha256))
    value = json.loads(json.dumps(describe_difference.difference_to_json(found, by_rule)))
    assert value["old"] == {"publisher": "plant", "snapshot_version": 1, "created": "2026-09-02T12:00:00Z"}
    assert [target["path"] for target in value["added"]] == ["s/b.yml"]
    (source,) = value["sources"]
    assert (source["added"], source["changed"], source["removed"], source["unchanged"]) == (1, 1, 0, 0)
    assert source["bytes"] == {"from": len(old["s/a.yml"]), "to": len(new["s/a.yml"]) + len(new["s/b.yml"])}
    (changes,) = source["rules"]
    assert changes["format"] == "Sigma"
    assert changes["added"] == [
        {"identifier": "b", "title": "T b", "from": None, "to": {"revision": "", "enabled": True}}
    ]
    assert [change["identifier"] for change in changes["updated"]] == ["a"]
