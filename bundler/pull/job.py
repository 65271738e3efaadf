"""One source to pull or to check: its table, the source made from it, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bundler.config import Config, SourceConfig
from bundler.context import Context
from bundler.kinds import kind_class
from bundler.pull.last_good import configuration_digest_of
from bundler.sources.base import Pull, Source, Workbench
from bundler.sources.own_files import OwnFiles
from bundler.sources.records import PullRecord, load_record
from manifests.disk.blobs import Batch
from manifests.errors import (
    ConfigurationError,
    ExpiredError,
    FetchError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    RollbackError,
    UsageError,
)

SOURCE_ERRORS = (
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


@dataclass(frozen=True)
class SourceJob:
    """One source to pull: its table, the source made from it, and what is remembered."""

    config: SourceConfig
    source: Source
    record: PullRecord

    @property
    def previous(self) -> Pull | None:
        """The last good pull, unless the source is configured to yield something else now."""
        good = self.record.good
        return good.pull if good and good.configuration == configuration_digest_of(self.config) else None

    def bench(self, context: Context, batch: Batch, pause: Callable[[float], None]) -> Workbench:
        """Make the workbench that the source works with."""
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
            allow_empty=common.allow_empty,
            floor=self.record.floor,
            own=OwnFiles.of(context.own_places),
        )


def source_jobs(context: Context, names: Sequence[str]) -> list[SourceJob]:
    """Make every source before any is asked: one whose options contradict each other stops the whole run."""
    return [source_job(context, source) for source in chosen_sources(context.config, names)]


def source_job(context: Context, source: SourceConfig) -> SourceJob:
    """Make one source.

    Raises:
        ConfigurationError: Its options contradict each other, or its record is damaged.
    """
    made = kind_class(source.kind).from_config(source.name, source.options)
    return SourceJob(source, made, load_record(context.home.sources, source.name, source.kind))


def chosen_sources(config: Config, names: Sequence[str]) -> tuple[SourceConfig, ...]:
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
