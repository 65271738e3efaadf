"""The last good pull of each source: what can be sealed without asking any upstream."""

from __future__ import annotations

from datetime import datetime

from bundler.config import Config, SourceConfig
from bundler.home import Home
from bundler.kinds import kind_class
from bundler.pull.result import PullResult, SourceOutcome, pull_result
from bundler.sources.records import PullRecord, configuration_digest, load_record
from manifests.disk.blobs import BlobStore
from manifests.errors import FetchError, SealiftError


class EarlierFailureError(FetchError):
    """The newest pull of a source failed, in an earlier run: told as its record tells it.

    Args:
        failed_at: When.
    """

    failed_at: datetime

    def __init__(self, code: str, text: str, failed_at: datetime) -> None:
        super().__init__(code, text, failed_at=f"{failed_at:%FT%TZ}")
        self._fix(failed_at=failed_at)


def read_last_good(home: Home, config: Config) -> PullResult:
    """Return the last good pull of every source, without asking any upstream.

    A source whose newest pull failed is a failure here too, with its last good content if it has any.

    Raises:
        ConfigurationError: A record is damaged.
    """
    records = ((source, load_record(home.sources, source.name, source.kind)) for source in config.sources)
    return pull_result([remembered_outcome(source, record, home.store()) for source, record in records])


def remembered_outcome(source: SourceConfig, record: PullRecord, store: BlobStore) -> SourceOutcome:
    """Return what is remembered of a source that is not pulled, or just failed."""
    failure = record.failure
    error: SealiftError | None = None
    if failure is not None:
        error = EarlierFailureError(failure.code, failure.text, failure.failed_at)
    elif record.good is None:
        error = FetchError("pull.never", "It was never pulled", todo=f"bundle pull {source.name}")
    good = record.good
    if good is not None and good.configuration != configuration_digest_of(source):
        stale = FetchError(
            "pull.configuration-changed",
            "It is configured to yield something else than when it was pulled",
            todo=f"bundle pull {source.name}",
        )
        return SourceOutcome(source, None, error or stale)
    if good is not None and not all(store.has_blob(target.blob) for target in good.pull.targets):
        lost = FetchError("pull.content-lost", "Some of its content is gone", todo=f"bundle pull {source.name}")
        return SourceOutcome(source, None, error or lost)
    return SourceOutcome(source, good, error)


def configuration_digest_of(source: SourceConfig) -> str:
    """Return the digest of what a source is configured to yield."""
    transport = kind_class(source.kind).TRANSPORT_OPTIONS
    return configuration_digest(source.kind, source.options, transport, source.common.globs)
