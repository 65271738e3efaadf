"""Say in words and in JSON what changed between two bundles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bundler.diff.rules import FormatChanges, NotCompared, RuleChange, RuleVersion, SourceRules
from bundler.diff.targets import Difference, SourceDifference
from bundler.report.manifest import target_to_json
from manifests import clock
from manifests.manifest import Manifest
from manifests.text import COLUMNS, count_text, fit_text, printable, table_text, wrap_text

_NAME_COLUMNS = 34
_SHOWN_NOT_COMPARED = 5


def difference_to_json(difference: Difference, by_rule: Sequence[SourceRules]) -> dict[str, Any]:
    """Return a difference as one JSON object: in all, per source, and every rule."""
    rules = {row.source: row for row in by_rule}
    sources = difference.sources
    return {
        "old": _manifest_to_json(difference.old),
        "new": _manifest_to_json(difference.new),
        "added": [target_to_json(target) for source in sources for target in source.added],
        "removed": [target_to_json(target) for source in sources for target in source.removed],
        "changed": [
            {"from": target_to_json(old), "to": target_to_json(new)}
            for source in sources
            for old, new in source.updated
        ],
        "unchanged": sum(source.unchanged for source in sources),
        "sources": [_source_to_json(source, rules.get(source.name)) for source in sources],
    }


def difference_to_text(
    difference: Difference, by_rule: Sequence[SourceRules], *, targets: bool = False, rules: bool = False
) -> str:
    """Return a difference for a terminal of 80 columns: a table per source, and lists when asked."""
    known = {row.source: row for row in by_rule}
    changed = [source for source in difference.sources if source.changed]
    lines = [*_header(difference), ""]
    if changed:
        lines.append(_summary(changed, known))
    unchanged = [source.name for source in difference.sources if not source.changed]
    if unchanged:
        lines += wrap_text("unchanged: ", ", ".join(unchanged))
    for row in by_rule:
        lines += _not_compared(row)
    for source in changed:
        if targets:
            lines += ["", f"{source.name}: files", *map(printable, _target_lines(source))]
        if rules and source.name in known:
            for changes in known[source.name].formats:
                lines += ["", f"{source.name}: {changes.format} rules", *map(printable, _rule_lines(changes))]
    return "\n".join(lines)


def _header(difference: Difference) -> list[str]:
    old, new = difference.old, difference.new
    name = old.publisher if old.publisher == new.publisher else f"{old.publisher}, {new.publisher}"
    lines = [f"{name}: version {old.snapshot_version} -> {new.snapshot_version}"]
    lines.append(f"created {clock.instant_text(old.created)} -> {clock.instant_text(new.created)}; nothing verified")
    if old.publisher != new.publisher:
        lines.append("These are bundles of different publishers.")
    return lines


def _summary(changed: Sequence[SourceDifference], known: dict[str, SourceRules]) -> str:
    rows = []
    for source in changed:
        counts = (source.added, source.updated, source.removed)
        rows.append((fit_text(source.name, _NAME_COLUMNS), *_counts(counts), f"{source.after - source.before:>+15,}"))
        for changes in known[source.name].formats if source.name in known else ():
            counts_of_rules = (changes.added, changes.updated, changes.removed)
            rows.append((f"  {changes.format} rules", *_counts(counts_of_rules), ""))
    return table_text(rows, ("source", "  added", "updated", "removed", "      +/- bytes"))


def _counts(parts: Sequence[Sequence[object]]) -> tuple[str, str, str]:
    added, updated, removed = (f"{len(part):>7,}" for part in parts)
    return added, updated, removed


def _not_compared(row: SourceRules) -> Iterator[str]:
    reasons: dict[str, list[NotCompared]] = {}
    for entry in row.not_compared:
        reasons.setdefault(entry.reason, []).append(entry)
    for reason, entries in reasons.items():
        files = count_text(len(entries), "file")
        yield from wrap_text("", f"{row.source}: {files} not comparable rule by rule. {reason}")
        yield from (printable(f"  {entry.path}") for entry in entries[:_SHOWN_NOT_COMPARED])
        if len(entries) > _SHOWN_NOT_COMPARED:
            yield f"  and {len(entries) - _SHOWN_NOT_COMPARED:,} more"


def _target_lines(source: SourceDifference) -> Iterator[str]:
    yield from (f"+ {target.path}  {count_text(target.length, 'byte')}" for target in source.added)
    yield from (f"~ {new.path}  {old.length:,} -> {count_text(new.length, 'byte')}" for old, new in source.updated)
    yield from (f"- {target.path}  {count_text(target.length, 'byte')}" for target in source.removed)


def _rule_lines(changes: FormatChanges) -> Iterator[str]:
    for sign, part in (("+", changes.added), ("~", changes.updated), ("-", changes.removed)):
        for change in part:
            facts = _facts(change)
            yield f"{sign} {change.identifier}" + (f"  {facts}" if facts else "")
            if change.title:
                yield fit_text(f"    {change.title}", COLUMNS)


def _facts(change: RuleChange) -> str:
    """Say what there is to say beside the identifier: revisions, and whether it is switched on."""
    before, after = change.before, change.after
    facts = []
    if before is not None and after is not None:
        if before.revision != after.revision:
            facts.append(f"{before.revision or 'none'} -> {after.revision or 'none'}")
        if before.enabled != after.enabled:
            facts.append("now enabled" if after.enabled else "now disabled")
    else:
        only = before or after
        if only is not None:
            facts += [only.revision] if only.revision else []
            facts += [] if only.enabled else ["disabled"]
    return ", ".join(facts)


def _manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "publisher": manifest.publisher,
        "snapshot_version": manifest.snapshot_version,
        "created": clock.instant_text(manifest.created),
    }


def _source_to_json(source: SourceDifference, rules: SourceRules | None) -> dict[str, Any]:
    return {
        "name": source.name,
        "added": len(source.added),
        "changed": len(source.updated),
        "removed": len(source.removed),
        "unchanged": source.unchanged,
        "bytes": {"from": source.before, "to": source.after},
        "rules": [_changes_to_json(changes) for changes in rules.formats] if rules else [],
        "not_compared": [{"path": e.path, "reason": e.reason} for e in rules.not_compared] if rules else [],
    }


def _changes_to_json(changes: FormatChanges) -> dict[str, Any]:
    return {
        "format": changes.format,
        "added": [_change_to_json(change) for change in changes.added],
        "updated": [_change_to_json(change) for change in changes.updated],
        "removed": [_change_to_json(change) for change in changes.removed],
    }


def _change_to_json(change: RuleChange) -> dict[str, Any]:
    return {
        "identifier": change.identifier,
        "title": change.title,
        "from": _version_to_json(change.before),
        "to": _version_to_json(change.after),
    }


def _version_to_json(version: RuleVersion | None) -> dict[str, Any] | None:
    return None if version is None else {"revision": version.revision, "enabled": version.enabled}
