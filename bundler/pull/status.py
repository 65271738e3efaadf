"""What is remembered of each source, for people: how much, how old, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bundler.config import Config, SourceConfig
from bundler.home import Home
from bundler.pull.last_good import read_last_good
from bundler.pull.result import PullResult
from manifests.manifest import SourceRecord
from manifests.text import age_text, count_text


@dataclass(frozen=True)
class SourceStatus:
    """What is remembered of one source; ``pulled_at`` is None when there is nothing to seal.

    ``version`` is the upstream's own, where it has one; ``fresh_days`` and ``licence`` are the operator's words.
    """

    name: str
    kind: str
    targets: int = 0
    content_bytes: int = 0
    pulled_at: datetime | None = None
    verification: str = ""
    failure: str | None = None
    version: str | None = None
    fresh_days: int | None = None
    licence: str | None = None

    def age(self, now: datetime) -> timedelta | None:
        """Return how long ago it was pulled."""
        return None if self.pulled_at is None else max(now - self.pulled_at, timedelta(0))

    def stale(self, now: datetime) -> bool:
        """Tell whether it is older than its ``fresh_days``; without them the site's own rule decides."""
        age = self.age(now)
        return age is not None and self.fresh_days is not None and age > timedelta(days=self.fresh_days)

    def age_text(self, now: datetime) -> str:
        """Say how long ago it was pulled, and whether that is too long; nothing where it never was."""
        age = self.age(now)
        if age is None:
            return ""
        said = age_text(age)
        if self.fresh_days is None or not self.stale(now):
            return said
        return f"{said} STALE, more than {count_text(self.fresh_days, 'day')}"


def read_source_statuses(home: Home, config: Config) -> tuple[SourceStatus, ...]:
    """Return what is remembered of each source, in the order of the configuration.

    Raises:
        ConfigurationError: A record is damaged.
    """
    result = read_last_good(home, config)
    errors = {failure.name: f"{failure.error} [{failure.error.code}]" for failure in result.failures}
    records = {record.name: record for record in result.records}
    return tuple(
        _status_of(source, result, records.get(source.name), errors.get(source.name)) for source in config.sources
    )


def _status_of(
    source: SourceConfig, result: PullResult, record: SourceRecord | None, failure: str | None
) -> SourceStatus:
    targets = result.targets.get(source.name, ())
    return SourceStatus(
        source.name,
        source.kind,
        targets=len(targets),
        content_bytes=sum(target.length for target in targets),
        pulled_at=None if record is None else record.pulled_at,
        verification="" if record is None else record.verification,
        failure=failure,
        version=None if record is None else record.version,
        fresh_days=source.common.fresh_days,
        licence=source.common.licence,
    )
