"""Say in words and in JSON what a manifest lists. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from manifests.clock import instant_text
from manifests.manifest import Manifest, SourceRecord, Target
from manifests.text import age_text, count_text, printable, table_text


def target_to_json(target: Target) -> dict[str, Any]:
    """Return a target as one JSON object."""
    return {"path": target.path, "length": target.length, "sha256": target.sha256}


def carried_bytes(manifest: Manifest) -> int:
    """Return what the content of one volume takes in its file, in bytes: whole, in parts and as patches."""
    return sum(blob.stored_length for blob in manifest.blobs) + sum(p.patch_length for p in manifest.patches)


def manifest_to_json(manifest: Manifest, *, targets: bool) -> dict[str, Any]:
    """Return what a manifest says as one JSON object; the list of targets only when asked."""
    value: dict[str, Any] = {
        "publisher": manifest.publisher,
        "snapshot_version": manifest.snapshot_version,
        "root_version": manifest.root_version,
        "created": instant_text(manifest.created),
        "since": manifest.since,
        "volume": {"index": manifest.volume_index, "count": manifest.volume_count},
        "tool": manifest.tool,
        "targets": len(manifest.targets),
        "content_bytes": sum(target.length for target in manifest.targets),
        "carried_bytes": carried_bytes(manifest),
        "sources": [_source_to_json(source, manifest) for source in manifest.sources],
        "absent": [asdict(source) for source in manifest.absent],
    }
    if targets:
        value["target_list"] = [target_to_json(target) for target in manifest.targets]
    return value


def manifest_to_text(manifest: Manifest, *, targets: bool, carried: int | None = None) -> str:
    """Return what a manifest says, for a terminal of 80 columns.

    Args:
        manifest: That of one volume.
        targets: Whether to list every target.
        carried: What the content takes in all volumes together, in bytes, where they are spoken of together.
    """
    kind = "full" if manifest.since is None else f"increment since {manifest.since}"
    lines = [
        f"publisher  {manifest.publisher}",
        f"version    {manifest.snapshot_version} ({kind}), root {manifest.root_version}",
        printable(f"created    {instant_text(manifest.created)} by {manifest.tool}"),
        f"files      {len(manifest.targets):,}, {count_text(sum(t.length for t in manifest.targets), 'byte')}; "
        f"{count_text(carried_bytes(manifest) if carried is None else carried, 'byte')} carried",
    ]
    if manifest.volume_count > 1:
        this = f"{manifest.volume_index} of " if carried is None else ""
        lines.append(f"volume{'s' if carried is not None else ' '}    {this}{manifest.volume_count}")
    for source in manifest.sources:
        lines += ["", *map(printable, _source_to_lines(source, manifest))]
    for absent in manifest.absent:
        said = f"{absent.name} ({absent.kind}): NOTHING OF IT IS HERE", f"  failed: {absent.failure}"
        lines += ["", *map(printable, said)]
    if targets:
        rows = [(target.sha256[:16], f"{target.length:>14,}", target.path) for target in manifest.targets]
        lines += ["", table_text(rows, ("sha256", "        bytes", "path"))]
    return "\n".join(lines)


def _source_to_json(source: SourceRecord, manifest: Manifest) -> dict[str, Any]:
    own = manifest.targets_of(source.name)
    return {
        "name": source.name,
        "kind": source.kind,
        "pulled_at": instant_text(source.pulled_at),
        "age_seconds": int((manifest.created - source.pulled_at).total_seconds()),
        "failure": source.failure,
        "verification": source.verification,
        "version": source.version,
        "licence": source.licence,
        "fresh_days": source.fresh_days,
        "mount": source.mount,
        "deliver": source.deliver,
        "targets": len(own),
        "content_bytes": sum(target.length for target in own),
        "items": [{"path": item.path, "label": item.label, "facts": dict(item.facts)} for item in source.items],
    }


def _source_to_lines(source: SourceRecord, manifest: Manifest) -> list[str]:
    own = manifest.targets_of(source.name)
    content = f"{count_text(len(own), 'file')}, {count_text(sum(target.length for target in own), 'byte')}"
    lines = [
        f"{source.name} ({source.kind}): {content}",
        f"  pulled {instant_text(source.pulled_at)}; {source.verification}",
    ]
    told = {
        "version": source.version,
        "licence": source.licence,
        "fresh for": None if source.fresh_days is None else count_text(source.fresh_days, "day"),
        "to be served at": source.mount,
        "to be delivered to": source.deliver,
    }
    lines += [f"  {label} {text}" for label, text in told.items() if text is not None]
    if source.failure is not None:
        age = manifest.created - source.pulled_at
        lines.append(f"  LAST GOOD CONTENT, {age_text(age)} old; failed: {source.failure}")
    for item in source.items:
        facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in item.facts)
        lines.append(f"  {item.path}: {item.label}" + (f" ({facts})" if facts else ""))
    return lines
