"""Ask the upstreams what a pull would yield, and store nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bundler.config import Config, SourceConfig
from bundler.context import Context
from bundler.kinds import kind_class
from bundler.pull.job import SOURCE_ERRORS, chosen_sources, source_job
from bundler.sources.base import SourceCheck
from manifests.errors import ConfigurationError, SealiftError


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

    What a source lacks here, such as a password, is said of that source, and so is what its options contradict in.

    Raises:
        UsageError: ``pull.unknown-source``.
    """
    return tuple(_check(context, source, pause) for source in chosen_sources(context.config, names))


def find_contradictions(config: Config) -> tuple[ConfigurationError, ...]:
    """Return what the options of sources contradict in, beyond their schemas; no upstream is asked."""
    errors: list[ConfigurationError] = []
    for source in config.sources:
        try:
            kind_class(source.kind).from_config(source.name, source.options)
        except ConfigurationError as error:
            errors.append(error)
    return tuple(errors)


def _check(context: Context, source: SourceConfig, pause: Callable[[float], None]) -> CheckResult:
    try:
        job = source_job(context, source)
        with context.store.batch() as batch:
            found = _taken_of(source, job.source.check(job.bench(context, batch, pause)))
    except SOURCE_ERRORS as error:
        return CheckResult(source.name, source.kind, None, error)
    return CheckResult(source.name, source.kind, found, None)


def _taken_of(source: SourceConfig, check: SourceCheck) -> SourceCheck:
    return replace(check, targets=tuple(target for target in check.targets if source.common.globs.takes(target.path)))
