"""How a relay stands, as text for people and JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from manifests.clock import instant_text
from manifests.text import age_text, count_text, table_text
from relay.rings.policy import DEFAULT_RING
from relay.state.records import LastOutcome, SourceState
from relay.status.facts import Status

RUNWAY_WARNING = timedelta(days=14)
"""How long before trust runs out people are told to bring a newer bundle."""


def status_to_json(status: Status, now: datetime) -> dict[str, Any]:
    """Return the status at an instant as one JSON object."""
    age = status.age_of_served(now)
    return {
        "ring": status.ring,
        "generation": status.generation,
        "publisher": status.publisher,
        "created": _text(status.created),
        "imported_at": _text(status.imported_at),
        "age_seconds": None if age is None else int(age.total_seconds()),
        "stale": status.is_stale(now),
        "stale_reasons": list(status.stale_reasons(now)),
        "trust_ends_at": _text(status.trust_ends_at),
        "roles": [
            {"role": role.role, "version": role.version, "expires_at": instant_text(role.expires_at)}
            for role in status.roles
        ],
        "clock": {"state": status.clock_state(now), "now": instant_text(now), "floor": _text(status.clock_floor)},
        "targets": status.targets,
        "target_bytes": status.target_bytes,
        "generations": status.generations,
        "connectivity": status.connectivity,
        "sources": [_source_to_json(status, source, now) for source in status.sources],
        "absent_sources": [asdict(source) for source in status.absent_sources],
        "deliveries": [delivery.to_json() for delivery in status.deliveries],
        "delivery_problems": [problem.to_json() for problem in status.delivery_problems],
        "pending": [outstanding.to_json() for outstanding in status.pending],
        "last_import": _outcome(status.last_import),
        "last_refusal": _outcome(status.last_refusal),
    }


def _source_to_json(status: Status, source: SourceState, now: datetime) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "pulled_at": instant_text(source.pulled_at),
        "age_seconds": int(status.source_age(source, now).total_seconds()),
        "fresh_days": status.fresh_days(source),
        "stale": status.source_stale(source, now),
        "failed": source.failed,
        "version": source.version,
        "licence": source.licence,
        "mount": source.mount,
        "deliver": source.deliver,
    }


def status_to_text(status: Status, now: datetime) -> str:
    """Return the status at an instant for people."""
    rows = [*_content_rows(status, now), *_source_rows(status, now), *_pending_rows(status), *_trust_rows(status, now)]
    rows += _delivery_rows(status)
    rows.append(("connectivity", status.connectivity))
    for label, outcome in (("last import", status.last_import), ("last refusal", status.last_refusal)):
        if outcome is not None:
            rows.append((label, f"{instant_text(outcome.at)}  {outcome.text}"))
    return table_text(rows)


def _content_rows(status: Status, now: datetime) -> list[tuple[str, ...]]:
    age = status.age_of_served(now)
    if age is None:
        return [("generation", "none yet: put a bundle into the inbox")]
    return [
        ("publisher", status.publisher or ""),
        ("generation", f"{status.generation} ({_where(status)})"),
        ("created", f"{_text(status.created)}, {age_text(age)} ago"),
        ("files", f"{status.targets:,}, {count_text(status.target_bytes, 'byte')}"),
        ("stale", "; ".join(status.stale_reasons(now)) or "no"),
    ]


def _where(status: Status) -> str:
    """Say what rings serve it, once there are several, and how many generations are kept."""
    ring = [] if status.ring == DEFAULT_RING else [f"ring {status.ring}"]
    return "; ".join([*ring, f"{status.generations} in the store"])


def _source_rows(status: Status, now: datetime) -> Iterator[tuple[str, ...]]:
    for source in status.sources:
        said = [f"pulled {age_text(status.source_age(source, now))} ago"]
        said += [f"version {source.version}"] if source.version else []
        said += ["a newer pull failed"] if source.failed else []
        said += ["STALE"] if status.source_stale(source, now) else []
        yield f"  {source.name}", ", ".join(said)
    for absent in status.absent_sources:
        yield f"  {absent.name}", f"NOT HERE: its publisher could not get it: {absent.failure}"


def _pending_rows(status: Status) -> Iterator[tuple[str, ...]]:
    for outstanding in status.pending:
        yield "pending", outstanding.have
        yield "  needed", outstanding.need
        yield "  do", outstanding.todo


def _delivery_rows(status: Status) -> Iterator[tuple[str, ...]]:
    for delivery in status.deliveries:
        yield f"place {delivery.wanted.place}", str(delivery)
    for problem in status.delivery_problems:
        yield f"place {problem.place}", f"NOT DELIVERED {problem.code}: {problem.what}"
        facts = (("  have", problem.have), ("  need", problem.need), ("  do", problem.todo))
        yield from ((label, text) for label, text in facts if text is not None)
        yield from (("", line) for line in (problem.lines or "").splitlines())


def _trust_rows(status: Status, now: datetime) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    instant = status.trusted_now(now)
    if status.trust_ends_at is not None:
        left = status.trust_ends_at - instant
        said = age_text(left) if left >= timedelta(0) else f"{age_text(-left)} past"
        warning = "  SOON: bring a newer bundle" if timedelta(0) < left <= RUNWAY_WARNING else ""
        rows.append(("trust runs out", f"{instant_text(status.trust_ends_at)}, {said}{warning}"))
    rows += [
        (f"  {role.role}", f"version {role.version} until {instant_text(role.expires_at)}") for role in status.roles
    ]
    clock = {
        "ok": "ok",
        "behind": f"CLOCK_BEHIND: the system says {instant_text(now)}, a signed bundle {_text(status.clock_floor)}",
        "ahead": f"CLOCK_AHEAD: the system says {instant_text(now)}, years past the last bundle",
    }
    rows.append(("clock", clock[status.clock_state(now)]))
    return rows


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)


def _outcome(outcome: LastOutcome | None) -> dict[str, str] | None:
    return (
        None if outcome is None else {"at": instant_text(outcome.at), "subject": outcome.subject, "text": outcome.text}
    )
