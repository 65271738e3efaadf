"""Say in words and in JSON what is in a rule pack. Pure."""

from __future__ import annotations

from typing import Any

from manifests.archives.rulepack import VENDOR_LABEL, RulePack
from manifests.text import printable, table_text


def pack_to_json(pack: RulePack | None, *, rules: bool = False) -> dict[str, Any] | None:
    """Return what is in an open rule pack as one JSON object, with every rule when asked; None for a vendor's."""
    if pack is None:
        return None
    value: dict[str, Any] = dict(pack.facts())
    if rules:
        value["rule_list"] = [{key: item for key, item in vars(rule).items() if item} for rule in pack.rules]
    return value


def pack_to_text(pack: RulePack | None) -> str:
    """Say in a line what is in a rule pack; None is a vendor's, whose inside is not read."""
    if pack is None:
        return f"no open rule pack; it would be {VENDOR_LABEL}"
    counts = ", ".join(f"{count} {kind}" for kind, count in pack.counts().items() if count) or "no rules"
    changes = ", ".join(f"{count} {change}" for change, count in pack.changes().items())
    return printable(f"release {pack.release} of {pack.released}: {counts}" + (f" ({changes})" if changes else ""))


def pack_rules_to_text(pack: RulePack) -> str:
    """Return every rule of an open rule pack as a table."""
    rows = [(rule.kind, rule.identifier, rule.change or "", rule.severity or "", rule.name) for rule in pack.rules]
    return table_text(rows, ("kind", "identifier", "change", "severity", "name"))
