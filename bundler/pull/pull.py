"""Pull every source, each whole or not at all, and remember the last good pull of each."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bundler.config import Config, SourceConfig
from bundler.context import Context
from bundler.fetch import partial
from bundler.home import Home
from bundler.kinds import DELIVERED, kind_class
from bundler.sources.base import Pull, Source, SourceCheck, Workbench
from bundler.sources.records import Failure, Good, Record, configuration_digest, load, save
from bundler.sources.versions import raised
from manifests.blobs import Batch, BlobStore
from manifests.errors import (
    ConfigurationError,
    ExpiredError,
    FetchError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    RollbackError,
    SealiftError,
    UsageError,
)
from manifests.manifest import SourceRecord, Target
from manifests.names import check_path_set, check_target_path

_SOURCE_ERRORS = (
    FetchError,
    MalformedError,
    NotAuthenticError,
    RollbackError,
    ExpiredError,
    IncompleteError,
    ConfigurationError,
)
"""What is said of one source: its upstream is at fault, or what it needs here, such as a password, is not there. A full
disk stops the whole run instead, and so do options that contradict each other, which are seen before anything is asked.
"""
_MAX_TEXT = 1900


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
    """

    records: tuple[SourceRecord, ...]
    targets: Mapping[str, tuple[Target, ...]]
    failures: tuple[SourceFailure, ...]
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """What one upstream answered: a check, or the reason why there is none."""

    name: str
    kind: str
    check: SourceCheck | None
    error: SealiftError | None


def pull_all(context: Context, names: Sequence[str] = (), *, pause: Callable[[float], None] = time.sleep) -> PullResult:
    """Pull the sources one after the other. Call under the home's lock.

    A source's content is durable before its record is written, so a crash loses at most work.

    Args:
        context: Names the sources; its home keeps their records, its store their content; told about every byte.
        names: Only these sources; all when empty.
        pause: Waits so many seconds when an upstream asks for it.

    Raises:
        UsageError: ``pull.unknown-source``.
        ConfigurationError: The options of a source contradict each other; nothing was pulled.
        StorageError: The disk is full, read-only or failing.
    """
    return _result([_pull(job, context, pause) for job in _jobs(context, names)])


def last_good(home: Home, config: Config) -> PullResult:
    """Return what the last pulls gave, without asking any upstream.

    A source whose newest pull failed is a failure here too, with its last good content if it has any.

    Raises:
        ConfigurationError: A record is damaged.
    """
    records = ((source, load(home.sources, source.name, source.kind)) for source in config.sources)
    return _result([_remembered(source, record, home.store()) for source, record in records])


def check_all(
    context: Context, names: Sequence[str] = (), *, pause: Callable[[float], None] = time.sleep
) -> tuple[CheckResult, ...]:
    """Ask each upstream whether it is there and what a pull would yield; nothing is stored.

    What a source lacks here, such as a password, is said of that source.

    Raises:
        UsageError: ``pull.unknown-source``.
        ConfigurationError: The options of a source contradict each other.
    """
    results: list[CheckResult] = []
    for job in _jobs(context, names):
        with context.store.batch() as batch:
            try:
                found = _taken_of(job.config, job.source.check(job.bench(context, batch, pause)))
                results.append(CheckResult(job.config.name, job.config.kind, found, None))
            except _SOURCE_ERRORS as error:
                results.append(CheckResult(job.config.name, job.config.kind, None, error))
    return tuple(results)


def chosen(config: Config, names: Sequence[str]) -> tuple[SourceConfig, ...]:
    """Return the named sources in the order of the configuration, all for no name.

    Raises:
        UsageError: ``pull.unknown-source``.
    """
    known = {source.name for source in config.sources}
    for name in names:
        if name not in known:
            raise UsageError(
                "pull.unknown-source",
                f"There is no source {name!r}",
                have=", ".join(sorted(known)) or "no source at all",
                todo="bundle sources",
            )
    return tuple(source for source in config.sources if not names or source.name in names)


@dataclass(frozen=True)
class _Job:
    """One source to pull: its table, the source made from it, and what is remembered."""

    config: SourceConfig
    source: Source
    record: Record

    @property
    def previous(self) -> Pull | None:
        """The last good pull, unless the source is configured to yield something else now."""
        good = self.record.good
        return good.pull if good and good.configuration == _digest(self.config) else None

    def bench(self, context: Context, batch: Batch, pause: Callable[[float], None]) -> Workbench:
        """Return what the source works with."""
        common = self.config.common
        return Workbench(
            context.store,
            batch,
            context.clock,
            context.progress,
            pause,
            self.previous,
            globs=common.globs,
            allow_older=common.allow_older,
            floor=self.record.floor,
        )


@dataclass(frozen=True)
class _Outcome:
    """What one source has: a usable record, an error, or both. ``unchanged``: nothing new came."""

    config: SourceConfig
    good: Good | None
    error: SealiftError | None = None
    unchanged: bool = False


def _jobs(context: Context, names: Sequence[str]) -> list[_Job]:
    """Make every source before any is asked: one whose options contradict each other stops the whole run."""
    records = context.home.sources
    return [
        _Job(source, _build(source), load(records, source.name, source.kind))
        for source in chosen(context.config, names)
    ]


def _build(source: SourceConfig) -> Source:
    return kind_class(source.kind).from_config(source.name, source.options)


def _digest(source: SourceConfig) -> str:
    transport = kind_class(source.kind).TRANSPORT_OPTIONS
    return configuration_digest(source.kind, source.options, transport, source.common.globs)


def _pull(job: _Job, context: Context, pause: Callable[[float], None]) -> _Outcome:
    name, home = job.config.name, context.home
    context.progress.start(f"pulling {name}")
    try:
        with context.store.batch() as batch:
            pulled = _checked(job, job.source.pull(job.bench(context, batch, pause)))
            batch.commit()
    except _SOURCE_ERRORS as error:
        failed = replace(job.record, failure=Failure(error.code, _text(str(error)), context.clock()))
        save(home.sources, failed)
        return replace(_remembered(job.config, failed, context.store), error=error)
    good = Good(pulled, context.clock(), _digest(job.config))
    floor = raised(job.record.floor, pulled.floor, allowed=job.config.common.allow_older)
    save(home.sources, Record(name, job.config.kind, good, floor=floor))
    partial.forget(home.fetching, name)
    if pulled.afterwards is not None:
        pulled.afterwards()
    return _Outcome(job.config, good, unchanged=pulled.unchanged)


def _checked(job: _Job, pulled: Pull) -> Pull:
    """Hold every kind to the same rules: only what is included, sorted, sound paths, text that the manifest takes.

    Raises:
        MalformedError: ``path.*``.
        FetchError: ``source.nothing-included``.
    """
    takes = job.config.common.globs.takes
    targets = tuple(sorted((t for t in pulled.targets if takes(t.path)), key=lambda target: target.path))
    if pulled.targets and not targets:
        raise FetchError(
            "source.nothing-included",
            f"Source {job.config.name!r}: include and exclude leave nothing of what it yields",
            have=f"{len(pulled.targets):,} files, the first is {pulled.targets[0].path}",
            todo="correct the globs in bundler.toml",
        )
    for target in targets:
        check_target_path(f"{job.config.name}/{target.path}")
    check_path_set(target.path for target in targets)
    return replace(
        pulled,
        targets=targets,
        items=tuple(item for item in pulled.items if takes(item.path)),
        verification=_text(pulled.verification),
        version=None if pulled.version is None else _text(pulled.version),
        unchanged=pulled.unchanged or (job.previous is not None and job.previous.targets == targets),
    )


def _taken_of(source: SourceConfig, check: SourceCheck) -> SourceCheck:
    return replace(check, targets=tuple(target for target in check.targets if source.common.globs.takes(target.path)))


def _remembered(source: SourceConfig, record: Record, store: BlobStore) -> _Outcome:
    """Return what is remembered of a source that is not pulled, or just failed."""
    if record.failure is not None:
        error = FetchError(record.failure.code, record.failure.text, failed_at=f"{record.failure.failed_at:%FT%TZ}")
    elif record.good is None:
        error = FetchError("pull.never", "It was never pulled", todo=f"bundle pull {source.name}")
    else:
        error = None
    good = record.good
    if good is not None and good.configuration != _digest(source):
        stale = FetchError(
            "pull.configuration-changed",
            "It is configured to yield something else than when it was pulled",
            todo=f"bundle pull {source.name}",
        )
        return _Outcome(source, None, error or stale)
    if good is not None and not all(store.holds(target.blob) for target in good.pull.targets):
        lost = FetchError("pull.content-lost", "Some of its content is gone", todo=f"bundle pull {source.name}")
        return _Outcome(source, None, error or lost)
    return _Outcome(source, good, error)


def _result(outcomes: Sequence[_Outcome]) -> PullResult:
    present = [(outcome, outcome.good) for outcome in outcomes if outcome.good is not None]
    return PullResult(
        records=tuple(_source_record(outcome.config, good, outcome.error) for outcome, good in present),
        targets={outcome.config.name: _targets(outcome.config.name, good.pull) for outcome, good in present},
        failures=tuple(SourceFailure(o.config.name, o.error) for o in outcomes if o.error is not None),
        unchanged=tuple(outcome.config.name for outcome in outcomes if outcome.unchanged),
    )


def _targets(name: str, pulled: Pull) -> tuple[Target, ...]:
    return tuple(Target(f"{name}/{target.path}", target.blob.length, target.blob.sha256) for target in pulled.targets)


def _source_record(source: SourceConfig, good: Good, error: SealiftError | None) -> SourceRecord:
    return SourceRecord(
        name=source.name,
        kind=source.kind,
        pulled_at=good.pulled_at,
        verification=good.pull.verification,
        failure=None if error is None else _text(f"{error} [{error.code}]"),
        items=tuple(replace(item, path=f"{source.name}/{item.path}") for item in good.pull.items),
        version=good.pull.version,
        licence=None if source.common.licence is None else _text(source.common.licence),
        fresh_days=source.common.fresh_days,
        mount=source.common.mount,
        deliver=source.common.deliver or DELIVERED.get(source.kind),
    )


def _text(text: str) -> str:
    """Return text that the manifest takes: NFC, no half surrogates, bounded."""
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return unicodedata.normalize("NFC", clean)[:_MAX_TEXT]
