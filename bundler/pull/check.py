"""Ask the upstreams what a pull would yield, and store nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bundler.config import SourceConfig
from bundler.context import Context
from bundler.pull.job import SOURCE_ERRORS, source_jobs
from bundler.sources.base import SourceCheck
from manifests.errors import SealiftError


@dataclass(frozen=True)
class CheckResult:
    """What one upstream answered: a check, or the reason why there is none."""

    name: str
    kind: str
    check: SourceCheck | None
    error: SealiftError | None


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
    for job in source_jobs(context, names):
        with context.store.batch() as batch:
            try:
                found = _taken_of(job.config, job.source.check(job.bench(context, batch, pause)))
                results.append(CheckResult(job.config.name, job.config.kind, found, None))
            except SOURCE_ERRORS as error:
                results.append(CheckResult(job.config.name, job.config.kind, None, error))
    return tuple(results)


def _taken_of(source: SourceConfig, check: SourceCheck) -> SourceCheck:
    return replace(check, targets=tuple(target for target in check.targets if source.common.globs.takes(target.path)))
