"""How a relay stands, as facts; what they mean is asked with an instant, since facts age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from manifests.clock import to_text
from manifests.text import table
from relay.state.records import LastOutcome, RoleTrust, SourceState

if TYPE_CHECKING:
    from relay.state.deliveries import Delivery, DeliveryProblem
    from relay.store.outstanding import Outstanding

ClockState = Literal["ok", "behind", "ahead"]

AHEAD_AFTER = timedelta(days=3 * 365)
"""A clock this far past the last signed instant is doubted before the bundle is."""
RUNWAY_WARNING = timedelta(days=14)


@dataclass(frozen=True)
class Status:
    """What a relay holds. ``generation`` is 0 and ``publisher``, ``created`` are ``None`` before the first import.

    ``clock_floor`` is the latest signed instant seen; ``targets`` and ``target_bytes`` count the default ring;
    ``pending`` are generations of which a part has arrived; ``sources`` those of the default ring, by name;
    ``deliveries`` what was put into places of other programs, and ``delivery_problems`` what could not be.
    """

    ring: str
    generation: int
    publisher: str | None
    created: datetime | None
    imported_at: datetime | None
    clock_floor: datetime | None
    roles: tuple[RoleTrust, ...]
    targets: int
    target_bytes: int
    generations: int
    connectivity: str
    stale_after_days: int
    last_import: LastOutcome | None = None
    last_refusal: LastOutcome | None = None
    pending: tuple[Outstanding, ...] = ()
    sources: tuple[SourceState, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    delivery_problems: tuple[DeliveryProblem, ...] = ()

    def trusted_now(self, now: datetime) -> datetime:
        """Return the later of the system's clock and the floor: the time that expiry is measured by."""
        return now if self.clock_floor is None else max(now, self.clock_floor)

    def clock_state(self, now: datetime) -> ClockState:
        """Tell whether the system's clock can be right."""
        if self.clock_floor is None:
            return "ok"
        if now < self.clock_floor:
            return "behind"
        return "ahead" if now - self.clock_floor > AHEAD_AFTER else "ok"

    def age(self, now: datetime) -> timedelta | None:
        """Return the age of what is served."""
        return None if self.created is None else max(self.trusted_now(now) - self.created, timedelta(0))

    @property
    def trust_ends_at(self) -> datetime | None:
        """When the first role expires: the last day on which a bundle of today would still be believed."""
        return min((role.expires_at for role in self.roles), default=None)

    def stale_reasons(self, now: datetime) -> tuple[str, ...]:
        """Return why what is served is stale, in words; empty when it is not."""
        instant = self.trusted_now(now)
        reasons = [
            f"{role.role} expired on {to_text(role.expires_at)}" for role in self.roles if role.expires_at <= instant
        ]
        return (*reasons, *self._age_reasons(now))

    def _age_reasons(self, now: datetime) -> Iterator[str]:
        """Say what is too old: the generation, where the site's own limit counts, and each source by its limit."""
        age, limit = self.age(now), timedelta(days=self.stale_after_days)
        by_our_limit = not self.sources or any(source.fresh_days is None for source in self.sources)
        old = age is not None and age > limit and by_our_limit
        if age is not None and old:
            yield f"the generation is {age.days} days old, more than {self.stale_after_days}"
        for source in self.sources:
            if self.source_stale(source, now) and not (old and source.fresh_days is None):
                days = self.source_age(source, now).days
                yield f"the source {source.name} is {days} days old, more than {self.fresh_days(source)}"

    def fresh_days(self, source: SourceState) -> int:
        """Return for how many days a source counts as fresh: as its publisher says, else as the site does."""
        return self.stale_after_days if source.fresh_days is None else source.fresh_days

    def source_age(self, source: SourceState, now: datetime) -> timedelta:
        """Return how long ago a source was pulled."""
        return max(self.trusted_now(now) - source.pulled_at, timedelta(0))

    def source_stale(self, source: SourceState, now: datetime) -> bool:
        """Tell whether a source is older than its limit."""
        return self.source_age(source, now) > timedelta(days=self.fresh_days(source))

    def stale(self, now: datetime) -> bool:
        """Tell whether ``stale`` must be raised; serving goes on all the same."""
        return bool(self.stale_reasons(now))

    def to_json(self, now: datetime) -> dict[str, Any]:
        """Return the status at an instant as one JSON object."""
        age = self.age(now)
        return {
            "ring": self.ring,
            "generation": self.generation,
            "publisher": self.publisher,
            "created": _text(self.created),
            "imported_at": _text(self.imported_at),
            "age_seconds": None if age is None else int(age.total_seconds()),
            "stale": self.stale(now),
            "stale_reasons": list(self.stale_reasons(now)),
            "trust_ends_at": _text(self.trust_ends_at),
            "roles": [
                {"role": role.role, "version": role.version, "expires_at": to_text(role.expires_at)}
                for role in self.roles
            ],
            "clock": {"state": self.clock_state(now), "now": to_text(now), "floor": _text(self.clock_floor)},
            "targets": self.targets,
            "target_bytes": self.target_bytes,
            "generations": self.generations,
            "connectivity": self.connectivity,
            "sources": [self._source_to_json(source, now) for source in self.sources],
            "deliveries": [delivery.to_json() for delivery in self.deliveries],
            "delivery_problems": [problem.to_json() for problem in self.delivery_problems],
            "pending": [outstanding.to_json() for outstanding in self.pending],
            "last_import": _outcome(self.last_import),
            "last_refusal": _outcome(self.last_refusal),
        }

    def _source_to_json(self, source: SourceState, now: datetime) -> dict[str, Any]:
        return {
            "name": source.name,
            "kind": source.kind,
            "pulled_at": to_text(source.pulled_at),
            "age_seconds": int(self.source_age(source, now).total_seconds()),
            "fresh_days": self.fresh_days(source),
            "stale": self.source_stale(source, now),
            "failed": source.failed,
            "version": source.version,
            "licence": source.licence,
            "mount": source.mount,
            "deliver": source.deliver,
        }

    def to_text(self, now: datetime) -> str:
        """Return the status at an instant for people."""
        rows = [*self._content_rows(now), *self._source_rows(now), *self._pending_rows(), *self._trust_rows(now)]
        rows += self._delivery_rows()
        rows.append(("connectivity", self.connectivity))
        for label, outcome in (("last import", self.last_import), ("last refusal", self.last_refusal)):
            if outcome is not None:
                rows.append((label, f"{to_text(outcome.at)}  {outcome.text}"))
        return table(rows)

    def _content_rows(self, now: datetime) -> list[tuple[str, ...]]:
        age = self.age(now)
        if age is None:
            return [("generation", "none yet: put a bundle into the inbox")]
        return [
            ("publisher", self.publisher or ""),
            ("generation", f"{self.generation} (ring {self.ring}; {self.generations} in the store)"),
            ("created", f"{_text(self.created)}, {_duration(age)} ago"),
            ("targets", f"{self.targets:,}, {self.target_bytes:,} bytes"),
            ("stale", "; ".join(self.stale_reasons(now)) or "no"),
        ]

    def _source_rows(self, now: datetime) -> Iterator[tuple[str, ...]]:
        for source in self.sources:
            said = [f"pulled {_duration(self.source_age(source, now))} ago"]
            said += [f"version {source.version}"] if source.version else []
            said += ["a newer pull failed"] if source.failed else []
            said += ["STALE"] if self.source_stale(source, now) else []
            yield f"  {source.name}", ", ".join(said)

    def _pending_rows(self) -> Iterator[tuple[str, ...]]:
        for outstanding in self.pending:
            yield "pending", outstanding.have
            yield "  needed", outstanding.need
            yield "  do", outstanding.todo

    def _delivery_rows(self) -> Iterator[tuple[str, ...]]:
        for delivery in self.deliveries:
            yield f"place {delivery.wanted.place}", str(delivery)
        for problem in self.delivery_problems:
            yield f"place {problem.place}", f"NOT DELIVERED {problem.code}: {problem.what}"
            facts = (("  have", problem.have), ("  need", problem.need), ("  do", problem.todo))
            yield from ((label, text) for label, text in facts if text is not None)
            yield from (("", line) for line in (problem.lines or "").splitlines())

    def _trust_rows(self, now: datetime) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        instant = self.trusted_now(now)
        if self.trust_ends_at is not None:
            left = self.trust_ends_at - instant
            warning = "  SOON: bring a newer bundle" if timedelta(0) < left <= RUNWAY_WARNING else ""
            rows.append(("trust runs out", f"{to_text(self.trust_ends_at)}, {_duration(left)}{warning}"))
        rows += [(f"  {role.role}", f"version {role.version} until {to_text(role.expires_at)}") for role in self.roles]
        clock = {
            "ok": "ok",
            "behind": f"CLOCK_BEHIND: the system says {to_text(now)}, a signed bundle {_text(self.clock_floor)}",
            "ahead": f"CLOCK_AHEAD: the system says {to_text(now)}, years past the last bundle",
        }
        rows.append(("clock", clock[self.clock_state(now)]))
        return rows


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else to_text(instant)


def _outcome(outcome: LastOutcome | None) -> dict[str, str] | None:
    return None if outcome is None else {"at": to_text(outcome.at), "subject": outcome.subject, "text": outcome.text}


def _duration(span: timedelta) -> str:
    if span < timedelta(0):
        return f"{_duration(-span)} past"
    if span >= timedelta(days=2):
        return f"{span.days} days"
    hours, seconds = divmod(int(span.total_seconds()), 3600)
    return f"{hours} h" if hours else f"{seconds // 60} min"
