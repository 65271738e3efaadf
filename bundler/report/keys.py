"""Say in words and in JSON which keys there are, and what became of a change of keys. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuf.api.metadata import Root

from bundler.ceremony.ceremony import RootOutcome
from bundler.ceremony.proposal import Proposal
from bundler.ceremony.status import KeyRow, RoleRow
from manifests.clock import instant_text
from manifests.text import count_text, table_text


def keys_to_json(keys: Sequence[KeyRow], roles: Sequence[RoleRow], runway_days: int) -> dict[str, Any]:
    """Return every key and role as one JSON object; ``short`` names the roles that end soon."""
    return {
        "keys": [asdict(row) for row in keys],
        "roles": [_role_to_json(row) for row in roles],
        "runway_days": runway_days,
        "short": [row.role for row in roles if row.is_short],
    }


def _role_to_json(row: RoleRow) -> dict[str, Any]:
    told = {key: value for key, value in asdict(row).items() if key not in {"short_below", "signable"}}
    return {**told, "expires_at": None if row.expires_at is None else instant_text(row.expires_at)}


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


def short_roles_to_lines(roles: Sequence[RoleRow], waiting_root: int | None) -> tuple[str, ...]:
    """Say which roles end soon, each with what helps.

    Args:
        roles: All of them.
        waiting_root: The version of the root that waits for signatures, if one does.
    """
    return tuple(f"{_left_of(row)}. {_remedy_for(row, waiting_root)}" for row in roles if row.is_short)


def _left_of(row: RoleRow) -> str:
    days = row.days or 0
    if days < 0:
        return f"{row.role} has ended"
    return f"{row.role} is valid for {count_text(days, 'more day')}"


def _remedy_for(row: RoleRow, waiting_root: int | None) -> str:
    if row.role != Root.type:
        return "Run: bundle create" if row.signable else "Bring its keys into keys/, then run: bundle create"
    if waiting_root is not None:
        return f"Root {waiting_root} waits for signatures. Run: bundle keys staged"
    return "Run: bundle keys renew" if row.signable else "Gather the holders of its keys, then run: bundle keys renew"


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
