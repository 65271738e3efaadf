"""How the sites stand, for people: what each has, how old it is, what it would need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from bundler.sites.records import Site
from manifests.receipt import Receipt

STALE_AFTER_DAYS = 30
"""Age of a source without ``fresh_days`` at which a site counts as stale, as the relay's own default is."""

Need = Callable[[Receipt], int | None]
"""Returns how many bytes the next bundle would carry for a site; None where that is not known."""


@dataclass(frozen=True)
class SiteStatus:
    """One site at one instant.

    ``behind`` counts versions, ``content_age`` is that of the oldest source that it serves, ``needs_bytes`` what a
    bundle of now would carry for it; None where that is not known. ``stale_sources`` are the names of those that are
    older than their limit.
    """

    site: Site
    behind: int
    receipt_age: timedelta
    content_age: timedelta | None
    needs_bytes: int | None
    stale_sources: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        """Tell whether the site serves content that is too old, or nothing at all."""
        return self.content_age is None or bool(self.stale_sources)


def status_of_sites(
    sites: Iterable[Site],
    snapshot_version: int,
    now: datetime,
    need: Need = lambda _: None,
    fresh_days: Mapping[str, int] = MappingProxyType({}),
) -> tuple[SiteStatus, ...]:
    """Return how each site stands.

    Args:
        sites: Those of the registry.
        snapshot_version: Of the publisher's newest bundle, 0 before the first.
        now: The system's time.
        need: Tells what a bundle for a site would carry.
        fresh_days: Source to the days for which it counts as fresh, where the configuration says so.
    """
    return tuple(
        SiteStatus(
            site=site,
            behind=max(snapshot_version - site.receipt.newest, 0),
            receipt_age=max(now - site.receipt.created, timedelta(0)),
            content_age=_content_age(site.receipt, now),
            needs_bytes=need(site.receipt),
            stale_sources=_stale_sources(site.receipt, now, fresh_days),
        )
        for site in sites
    )


def _content_age(receipt: Receipt, now: datetime) -> timedelta | None:
    oldest = min((source.pulled_at for source in receipt.sources), default=None)
    return None if oldest is None else max(now - oldest, timedelta(0))


def _stale_sources(receipt: Receipt, now: datetime, fresh_days: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(
        source.name
        for source in receipt.sources
        if now - source.pulled_at > timedelta(days=fresh_days.get(source.name, STALE_AFTER_DAYS))
    )
