"""Say line by line what a root gives to whom, and what a new one would change, for those who sign it. Pure."""

from __future__ import annotations

from securesystemslib.signer import Key
from tuf.api.metadata import Root

from bundler.repository.delegations import authority_of
from manifests import clock


def describe_root(root: Root) -> tuple[str, ...]:
    """Say which keys each role of a root has as a whole, and how many of them must sign."""
    lines = [f"root {root.version} as a whole"]
    for role in sorted(root.roles):
        given = authority_of(root, role)
        lines.append(f"  {role}: {given.threshold} of " + ", ".join(_describe_key(key) for key in given.keys))
    return tuple(lines)


def describe_changes(old: Root, new: Root) -> tuple[str, ...]:
    """Say what differs between two roots: thresholds and keys per role, expiry."""
    lines = [f"root {old.version} -> {new.version}"]
    for role in sorted(set(old.roles) | set(new.roles)):
        before, after = authority_of(old, role), authority_of(new, role)
        lines += [f"  {role}: - key {_describe_key(key)}" for key in before.keys if key.keyid not in after.keyids]
        lines += [f"  {role}: + key {_describe_key(key)}" for key in after.keys if key.keyid not in before.keyids]
        if before.threshold != after.threshold:
            lines.append(f"  {role}: threshold {before.threshold} -> {after.threshold}")
    if old.consistent_snapshot != new.consistent_snapshot:
        lines.append(f"  consistent snapshots: {old.consistent_snapshot} -> {new.consistent_snapshot}")
    if old.unrecognized_fields != new.unrecognized_fields:
        lines.append("  fields that this program does not know differ")
    lines.append(f"  expires: {clock.instant_text(old.expires)} -> {clock.instant_text(new.expires)}")
    return tuple(lines)


def _describe_key(key: Key) -> str:
    return f"{key.keyid[:12]} ({key.scheme})"
