"""What there is to seal: each source's content, where it has any, and each source's failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bundler.config import SourceConfig
from bundler.kinds import KINDS
from bundler.sources.base import Pull
from bundler.sources.records import GoodPull
from manifests.errors import SealiftError
from manifests.manifest import AbsentSource, SourceRecord, Target, one_line


@dataclass(frozen=True)
class SourceFailure:
    """A source that gave nothing new, and why."""

    name: str
    error: SealiftError


@dataclass(frozen=True)
class PullResult:
    """What there is to seal.

    Args:
        records: One per source that has content, in the order of the configuration; ``failure`` is set where
            it is not fresh.
        targets: Source name to its targets, full paths, sorted.
        failures: The sources that failed, those with last good content included.
        unchanged: Names of the sources that gave what they gave last time.
        absent: The sources that have no content at all: the failures without a record.
    """

    records: tuple[SourceRecord, ...]
    targets: Mapping[str, tuple[Target, ...]]
    failures: tuple[SourceFailure, ...]
    unchanged: tuple[str, ...] = ()
    absent: tuple[AbsentSource, ...] = ()


@dataclass(frozen=True)
class SourceOutcome:
    """What one source has: a usable record, an error, or both. ``unchanged``: nothing new came."""

    config: SourceConfig
    good: GoodPull | None
    error: SealiftError | None = None
    unchanged: bool = False


def pull_result(outcomes: Sequence[SourceOutcome]) -> PullResult:
    """Put together what there is to seal of all sources."""
    present = [(outcome, outcome.good) for outcome in outcomes if outcome.good is not None]
    return PullResult(
        records=tuple(_source_record(outcome.config, good, outcome.error) for outcome, good in present),
        targets={outcome.config.name: _targets(outcome.config.name, good.pull) for outcome, good in present},
        failures=tuple(SourceFailure(o.config.name, o.error) for o in outcomes if o.error is not None),
        unchanged=tuple(outcome.config.name for outcome in outcomes if outcome.unchanged),
        absent=tuple(
            AbsentSource(o.config.name, o.config.kind, _failure_text(o.error))
            for o in outcomes
            if o.good is None and o.error is not None
        ),
    )


def _failure_text(error: SealiftError) -> str:
    return one_line(f"{error} [{error.code}]")


def _targets(name: str, pulled: Pull) -> tuple[Target, ...]:
    return tuple(Target(f"{name}/{target.path}", target.blob.length, target.blob.sha256) for target in pulled.targets)


def _source_record(source: SourceConfig, good: GoodPull, error: SealiftError | None) -> SourceRecord:
    return SourceRecord(
        name=source.name,
        kind=source.kind,
        pulled_at=good.pulled_at,
        verification=good.pull.verification,
        failure=None if error is None else _failure_text(error),
        items=tuple(replace(item, path=f"{source.name}/{item.path}") for item in good.pull.items),
        version=good.pull.version,
        licence=source.common.licence,
        fresh_days=source.common.fresh_days,
        mount=source.common.mount,
        deliver=source.common.deliver or KINDS[source.kind].deliver,
    )
