"""What a root gives to whom, and what a new one would change, line by line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bundler.ceremony.describe import describe_changes, describe_root
from bundler.ceremony.proposal import with_authority
from bundler.keys.keyring import generate_key_files
from bundler.repository.delegations import authority_of
from tests.support.ceremony import Site


def test_a_root_is_told_role_by_role_with_every_key(tmp_path: Path) -> None:
    site = Site(tmp_path, 2, 2)
    first, second = (keyid[:12] for keyid in site.keyids("root"))
    assert describe_root(site.root)[:2] == (
        "root 1 as a whole",
        f"  root: 2 of {first} (ed25519), {second} (ed25519)",
    )


def test_changes_of_keys_threshold_expiry_and_unknown_fields_are_told_and_nothing_else(tmp_path: Path) -> None:
    site = Site(tmp_path)
    old = site.root
    (gone,) = site.keyids("targets")
    new = generate_key_files(tmp_path / "bob.pem", None).entry.key
    before = authority_of(old, "targets")
    after = with_authority(old, "targets", before.with_keys(new).without_keys(gone))
    after = with_authority(after, "root", authority_of(after, "root").with_threshold(2))
    after.version, after.expires = 2, old.expires + timedelta(days=1)
    after.unrecognized_fields["x-name"] = "other"
    assert describe_changes(old, after) == (
        "root 1 -> 2",
        "  root: threshold 1 -> 2",
        f"  targets: - key {gone[:12]} (ed25519)",
        f"  targets: + key {new.keyid[:12]} (ed25519)",
        "  fields that this program does not know differ",
        f"  expires: {old.expires:%Y-%m-%dT%H:%M:%SZ} -> {after.expires:%Y-%m-%dT%H:%M:%SZ}",
    )
