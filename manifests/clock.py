"""Time: the only reader of the system clock, and the one textual form of an instant.

Everything below the command line takes an instant or a :data:`Clock` as a parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from manifests.errors import MalformedError

Clock = Callable[[], datetime]
"""Something that tells the time as an aware UTC datetime."""

LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The calendar of TUF metadata, and of this program, ends here."""

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def system_clock() -> datetime:
    """Return the time of the system's clock, aware, in UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def instant_text(instant: datetime) -> str:
    """Write an aware instant as ``2026-11-21T23:06:00Z``."""
    return instant.astimezone(UTC).strftime(_FORMAT)


def add_time(instant: datetime, duration: timedelta) -> datetime:
    """Return the instant so much later, or the last second that the calendar has where that comes first."""
    try:
        return min(instant + duration, LAST_INSTANT)
    except OverflowError:
        return LAST_INSTANT


def parse_instant(text: str) -> datetime:
    """Read ``2026-11-21T23:06:00Z``.

    Raises:
        MalformedError: ``time.format`` for any other spelling.
    """
    try:
        instant = datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        instant = None
    if instant is None or instant_text(instant) != text:
        raise MalformedError("time.format", f"{text!r} is not a time", need="YYYY-MM-DDTHH:MM:SSZ")
    return instant
