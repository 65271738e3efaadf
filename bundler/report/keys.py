"""Say in words and in JSON which keys there are, and what became of a change of keys. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bundler.ceremony.ceremony import RootOutcome
from bundler.ceremony.proposal import Proposal
from bundler.ceremony.status import KeyRow, RoleRow
from manifests.clock import instant_text
from manifests.text import table_text


def keys_to_json(keys: Sequence[KeyRow], roles: Sequence[RoleRow], runway_days: int) -> dict[str, Any]:
    """Return every key and role as one JSON object; ``short`` names the roles that end within the runway."""
    return {
        "keys": [asdict(row) for row in keys],
        "roles": [_role_to_json(row) for row in roles],
        "runway_days": runway_days,
        "short": [row.role for row in short_roles(roles, runway_days)],
    }


def _role_to_json(row: RoleRow) -> dict[str, Any]:
    return {**asdict(row), "expires_at": None if row.expires_at is None else instant_text(row.expires_at)}


def keys_to_text(keys: Sequence[KeyRow], roles: Sequence[RoleRow]) -> str:
    """Return every key and role for a terminal: a table of each."""
    key_lines = [(row.role or "(no role)", row.keyid[:12], row.scheme, row.uri or "not here") for row in keys]
    role_lines = [
        (
            row.role,
            f"{row.threshold} of {row.keys}",
            "-" if row.expires_at is None else instant_text(row.expires_at),
            "-" if row.days is None else str(row.days),
        )
        for row in roles
    ]
    return "\n\n".join(
        (
            table_text(key_lines, ("ROLE", "KEY", "SCHEME", "PRIVATE KEY")),
            table_text(role_lines, ("ROLE", "SIGNED BY", "VALID UNTIL", "DAYS LEFT")),
        )
    )


def short_roles(roles: Sequence[RoleRow], runway_days: int) -> tuple[RoleRow, ...]:
    """Return the roles that are good for fewer days than the runway."""
    return tuple(row for row in roles if row.days is not None and row.days < runway_days)


def outcome_to_json(outcome: RootOutcome | None) -> dict[str, Any]:
    """Return what became of a change as one JSON object; None is a change that the next bundle carries."""
    if outcome is None:
        return {"state": "with-next-bundle"}
    return {
        "state": "in-force" if outcome.in_force else "waiting",
        "root_version": outcome.proposal.proposed.version,
        "expires_at": instant_text(outcome.proposal.proposed.expires),
        "signed_by": [signature.keyid for signature in outcome.proposal.signatures],
        "missing": list(outcome.proposal.missing),
        "changes": list(outcome.proposal.changes()),
    }


def outcome_to_text(outcome: RootOutcome | None, file: Path) -> str:
    """Say what became of a change, and what comes next.

    Args:
        outcome: None for a change that the next bundle carries.
        file: Where the root is that waits for signatures.
    """
    if outcome is None:
        return "Done; the next bundle carries it."
    version = outcome.proposal.proposed.version
    if outcome.in_force:
        return f"Root {version} is in force; the next bundle carries it."
    return "\n".join(
        (
            f"Root {version} waits for signatures:",
            *(f"  {missing}" for missing in outcome.proposal.missing),
            f"Next: carry {file} to them; each runs: bundle keys sign FILE --key KEY",
            "      then, back here:                  bundle keys accept FILE...",
        )
    )


def proposal_to_text(proposal: Proposal) -> str:
    """Say what a proposed root changes, who has signed it, and who must."""
    return "\n".join(
        (
            *proposal.changes(),
            *(f"signed by {signature.keyid[:12]}" for signature in proposal.signatures),
            *(f"needs {missing}" for missing in proposal.missing),
        )
    )
