"""Conditional requests, decided from header values alone.

``If-Modified-Since`` and ``If-Range`` count only when they equal the ``Last-Modified`` that was sent: a client
that sends the time of its own download (freshclam does) would otherwise be told for ever that nothing has changed.

Source: RFC 9110, 13.1 and 13.2.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal

Precondition = Literal["proceed", "not-modified", "failed"]

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\U0010ffff]*"')
_BETWEEN_TAGS = re.compile(r"[ \t,]*")


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one representation from another: a strong ``ETag`` with its quotes, and ``Last-Modified``."""

    etag: str
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditional fields of a request, each with its lines joined by commas, or ``None``."""

    if_match: str | None = None
    if_unmodified_since: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_range: str | None = None


def http_date(instant: datetime) -> str:
    """Write an instant as ``Sat, 21 Nov 2026 23:06:00 GMT``."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def evaluate_conditions(conditions: Conditions, validators: Validators) -> Precondition:
    """Decide whether a GET or HEAD goes on.

    Returns:
        ``"not-modified"`` answers 304, ``"failed"`` 412. ``If-None-Match`` beats ``If-Modified-Since``, and both
        come before any ``Range``.
    """
    if conditions.if_match is not None:
        if not _matches(conditions.if_match, validators.etag):
            return "failed"
    elif conditions.if_unmodified_since is not None and _modified_after(conditions.if_unmodified_since, validators):
        return "failed"
    if conditions.if_none_match is not None:
        return "not-modified" if _matches(conditions.if_none_match, validators.etag, weak=True) else "proceed"
    if conditions.if_modified_since is not None and _same_date(conditions.if_modified_since, validators):
        return "not-modified"
    return "proceed"


def range_applies(if_range: str | None, validators: Validators) -> bool:
    """Tell whether a ``Range`` counts: without ``If-Range``, or when that names exactly this representation."""
    if if_range is None:
        return True
    return if_range.strip() == validators.etag or _same_date(if_range, validators)


def _same_date(header: str, validators: Validators) -> bool:
    return validators.last_modified is not None and header.strip() == validators.last_modified


def _modified_after(header: str, validators: Validators) -> bool:
    """Compare for order; a date that cannot be read, or none of our own, is no condition (RFC 9110, 13.1.4)."""
    if validators.last_modified is None or validators.last_modified == header:
        return False
    try:
        return parsedate_to_datetime(validators.last_modified) > _aware(parsedate_to_datetime(header))
    except ValueError:
        return False


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _matches(header: str, etag: str, *, weak: bool = False) -> bool:
    """Look for a tag in a list; a list that breaks its grammar ends where it breaks."""
    if header == etag or header.strip() == "*":
        return True
    position = 0
    while True:
        between = _BETWEEN_TAGS.match(header, position)
        match = _TAG.match(header, between.end() if between else position)
        if match is None:
            return False
        tag = match.group()
        if tag == etag or (weak and tag.removeprefix("W/") == etag):
            return True
        position = match.end()
