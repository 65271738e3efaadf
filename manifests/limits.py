"""Every ceiling in one place, with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True)
class Limits:
    """Ceilings on what a verifier reads before it believes. All lengths in bytes.

    The TUF defaults are those of python-tuf's ``UpdaterConfig``, raised where one publisher
    signs tens of thousands of targets (137 bytes each).
    """

    root_bytes: int = 512_000
    root_rotations: int = 1024
    """Roots walked in one update; tough allows 1024, ngclient 256."""
    timestamp_bytes: int = 16_384
    snapshot_bytes: int = 2_000_000
    targets_bytes: int = 64 * MIB
    """Per targets role: room for some 480,000 targets."""
    delegations: int = 1024
    """Delegated roles visited in one walk."""
    manifest_bytes: int = 128 * MIB
    signature_bytes: int = 64 * KIB
    notes_bytes: int = MIB
    members: int = 500_000
    """Entries of one container."""
    json_depth: int = 32
    inflate_ratio: int = 200
    """Refused above this ratio once a member inflates to more than ``inflate_ratio_floor``."""
    inflate_ratio_floor: int = MIB


DEFAULT_LIMITS = Limits()
