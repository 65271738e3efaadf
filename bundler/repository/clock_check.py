"""Looks at the system clock before anything is signed by it: a signature that has ended before it is made helps nobody.

The one instant that is known to be past is that of the last bundle: sites that took it count from there (their clock
floor, docs/format.md section 6.1), so what ends before it can be imported by none of them.
"""

from __future__ import annotations

from datetime import datetime

from bundler.repository.repository import Repository
from manifests import clock
from manifests.errors import ConfigurationError

EXTENSION = "x-sealift"


def last_sealed_at(repository: Repository) -> datetime | None:
    """Return when the last bundle was sealed, by the clock of then; None before the first."""
    if repository.timestamp is None:
        return None
    created = repository.timestamp.signed.unrecognized_fields.get(EXTENSION, {}).get("created")
    return None if created is None else clock.parse_instant(created)


def clock_warning(last: datetime | None, now: datetime) -> str | None:
    """Return a sentence for the operator when the system clock is behind the last bundle."""
    if last is None or last <= now:
        return None
    return f"the system clock is behind the last bundle, which was sealed at {clock.instant_text(last)}"


def require_good_after(role: str, expires_at: datetime, last: datetime | None, now: datetime) -> None:
    """Refuse to sign what no site that has the last bundle could take.

    Args:
        role: What is signed.
        expires_at: When its signature ends.
        last: When the last bundle was sealed, if there was one.
        now: The system's time.

    Raises:
        ConfigurationError: ``clock.behind``.
    """
    if last is None or expires_at > last:
        return
    raise ConfigurationError(
        "clock.behind",
        f"What would be signed for the role {role} ends before the last bundle was sealed: no site could import it",
        have=f"the system clock at {clock.instant_text(now)}, an end at {clock.instant_text(expires_at)}",
        need=f"an end after {clock.instant_text(last)}",
        todo="set the clock of this machine; if it is right now and was ahead then, expiry_days in bundler.toml must "
        "reach beyond that time",
        role=role,
    )
