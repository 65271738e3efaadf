"""Pull every source, each whole or not at all, and remember the last good pull of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from bundler.context import Context
from bundler.fetch import partial
from bundler.pull.contents import require_content
from bundler.pull.job import SOURCE_ERRORS, SourceJob, source_jobs
from bundler.pull.last_good import configuration_digest_of, remembered_outcome
from bundler.pull.result import PullResult, SourceOutcome, pull_result
from bundler.pull.rules import sound_pull
from bundler.sources.records import FailedPull, GoodPull, PullRecord, save_record
from bundler.sources.versions import raise_floor
from manifests.manifest import one_line


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
    return pull_result([_pull_source(job, context, pause) for job in source_jobs(context, names)])


def _pull_source(job: SourceJob, context: Context, pause: Callable[[float], None]) -> SourceOutcome:
    name, home = job.config.name, context.home
    context.progress.start(f"pulling {name}")
    try:
        with context.store.batch() as batch:
            bench = job.bench(context, batch, pause)
            pulled = sound_pull(name, job.config.common.globs, job.source.pull(bench))
            require_content(name, pulled, job.record.good.pull if job.record.good else None, bench)
            batch.commit()
    except SOURCE_ERRORS as error:
        failed = replace(job.record, failure=FailedPull(error.code, one_line(str(error)), context.clock()))
        save_record(home.sources, failed)
        return replace(remembered_outcome(job.config, failed, context.store), error=error)
    good = GoodPull(pulled, context.clock(), configuration_digest_of(job.config))
    floor = raise_floor(job.record.floor, pulled.floor, allowed=job.config.common.allow_older)
    save_record(home.sources, PullRecord(name, job.config.kind, good, floor=floor))
    partial.forget_downloads(home.fetching, name)
    if pulled.afterwards is not None:
        pulled.afterwards()
    unchanged = job.previous is not None and job.previous.targets == pulled.targets
    return SourceOutcome(job.config, good, unchanged=unchanged)
