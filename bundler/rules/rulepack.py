"""The rules of an open rule pack, known by kind and identifier."""

from __future__ import annotations

import io
from dataclasses import replace

from bundler.rules.rule import Rule, bounded_rules, make_rule
from manifests.archives import rulepack
from manifests.errors import MalformedError

FORMAT = "rule pack"


def read_pack_rules(data: bytes) -> tuple[Rule, ...]:
    """Return the rules of an open pack. What a pack says of its own changes does not count as one.

    Raises:
        MalformedError: ``rules.vendor-pack`` when the inside is not ours to read; ``archive.*``, ``rulepack.*``,
            ``json.*``; ``rules.too-many``.
    """
    pack = rulepack.read_rule_pack(io.BytesIO(data))
    if pack is None:
        raise MalformedError("rules.vendor-pack", "It is a vendor's pack, whose inside is not read")
    return bounded_rules([_rule(rule) for rule in pack.rules])


def _rule(rule: rulepack.PackRule) -> Rule:
    body = repr(replace(rule, change=None, file=""))
    return make_rule(
        FORMAT,
        f"{rule.kind}/{rule.identifier}",
        body.encode("utf-8", "surrogatepass"),
        revision=rule.last_updated or "",
        title=rule.name,
    )
