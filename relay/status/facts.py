"""How a relay stands, as facts; what they mean is asked with an instant, since facts age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from manifests.clock import instant_text
from manifests.text import count_text
from relay.state.deliveries import Delivery, DeliveryProblem
from relay.state.records import AbsentSourceState, LastOutcome, RoleTrust, SourceState
from relay.store.outstanding import OutstandingContent

ClockState = Literal["ok", "behind", "ahead"]

AHEAD_AFTER = timedelta(days=3 * 365)
"""A clock this far past the last signed instant is doubted before the bundle is."""


@dataclass(frozen=True)
class Status:
    """What a relay serves, and what else it has.

    ``generation`` is the one that is served, never merely the newest that is held: 0 before the first, and
    ``publisher``, ``created`` and ``imported_at`` are ``None`` then.
    ``clock_floor`` is the latest signed instant seen; ``targets`` and ``target_bytes`` count the default ring;
    ``pending`` are generations of which a part has arrived; ``sources`` those of the default ring, by name;
    ``absent_sources`` those that its publisher meant to be there and could not get;
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
    pending: tuple[OutstandingContent, ...] = ()
    sources: tuple[SourceState, ...] = ()
    absent_sources: tuple[AbsentSourceState, ...] = ()
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

    def age_of_served(self, now: datetime) -> timedelta | None:
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
            f"{role.role} expired on {instant_text(role.expires_at)}"
            for role in self.roles
            if role.expires_at <= instant
        ]
        return (*reasons, *self._age_reasons(now))

    def _age_reasons(self, now: datetime) -> Iterator[str]:
        """Say what is too old: the generation, where the site's own limit counts, and each source by its limit."""
        age, limit = self.age_of_served(now), timedelta(days=self.stale_after_days)
        by_our_limit = not self.sources or any(source.fresh_days is None for source in self.sources)
        old = age is not None and age > limit and by_our_limit
        if age is not None and old:
            most = count_text(self.stale_after_days, "day")
            yield f"the generation is {count_text(age.days, 'day')} old, more than {most}"
        for source in self.sources:
            if self.source_stale(source, now) and not (old and source.fresh_days is None):
                days = self.source_age(source, now).days
                most = count_text(self.fresh_days(source), "day")
                yield f"the source {source.name} is {count_text(days, 'day')} old, more than {most}"

    def fresh_days(self, source: SourceState) -> int:
        """Return for how many days a source counts as fresh: as its publisher says, else as the site does."""
        return self.stale_after_days if source.fresh_days is None else source.fresh_days

    def source_age(self, source: SourceState, now: datetime) -> timedelta:
        """Return how long ago a source was pulled."""
        return max(self.trusted_now(now) - source.pulled_at, timedelta(0))

    def source_stale(self, source: SourceState, now: datetime) -> bool:
        """Tell whether a source is older than its limit."""
        return self.source_age(source, now) > timedelta(days=self.fresh_days(source))

    def is_stale(self, now: datetime) -> bool:
        """Tell whether ``stale`` must be raised; serving goes on all the same."""
        return bool(self.stale_reasons(now))
