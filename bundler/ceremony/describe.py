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
    known = _shared_keys(old)
    lines += [warn_shared_key(*shared) for shared in _shared_keys(new) if shared not in known]
    lines.append(f"  expires: {clock.instant_text(old.expires)} -> {clock.instant_text(new.expires)}")
    return tuple(lines)


def warn_shared_key(keyid: str, role: str) -> str:
    """Say what it means that a key of root signs for another role too."""
    return (
        f"  WARNING: key {keyid[:12]} signs for root and for {role}: whoever gets at the key of the daily work can "
        "change every key. Give root a key of its own: bundle keys generate"
    )


def _shared_keys(root: Root) -> list[tuple[str, str]]:
    """Return the keys of root that another role has too, each with that role."""
    ours = authority_of(root, Root.type).keyids
    others = sorted(role for role in root.roles if role != Root.type)
    return [(keyid, role) for role in others for keyid in authority_of(root, role).keyids if keyid in ours]


def _describe_key(key: Key) -> str:
    return f"{key.keyid[:12]} ({key.scheme})"
