"""What is remembered of each source, for people: how much, how old, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bundler.config import Config
from bundler.home import Home
from bundler.pull import last_good


@dataclass(frozen=True)
class Status:
    """What is remembered of one source; ``pulled_at`` is None when there is nothing to seal."""

    name: str
    kind: str
    targets: int = 0
    content_bytes: int = 0
    pulled_at: datetime | None = None
    verification: str = ""
    failure: str | None = None


def statuses(home: Home, config: Config) -> tuple[Status, ...]:
    """Return what is remembered of each source, in the order of the configuration.

    Raises:
        ConfigurationError: A record is damaged.
    """
    result = last_good(home, config, home.store())
    errors = {failure.name: f"{failure.error} [{failure.error.code}]" for failure in result.failures}
    records = {record.name: record for record in result.records}
    found: list[Status] = []
    for source in config.sources:
        record = records.get(source.name)
        failure = errors.get(source.name)
        if record is None:
            found.append(Status(source.name, source.kind, failure=failure))
            continue
        targets = result.targets[source.name]
        size = sum(target.length for target in targets)
        found.append(
            Status(source.name, source.kind, len(targets), size, record.pulled_at, record.verification, failure)
        )
    return tuple(found)


def age_text(age: timedelta) -> str:
    """Say an age as people do: ``3 days 4 hours``, ``12 minutes``."""
    seconds = max(0, int(age.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3_600, seconds % 3_600 // 60
    units = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in units if count][:2]
    return " ".join(said) or "less than a minute"
