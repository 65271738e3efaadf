"""Work benches for sources: a real store, a clock that stands where it is put, pauses that only take notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bundler.config import Config, SourceConfig
from bundler.context import Context
from bundler.fetch import partial
from bundler.home import Home
from bundler.kinds import kind_class
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult
from bundler.sources.base import Pull, Source, Workbench
from bundler.sources.common import COMMON_KEYS, CommonOptions
from manifests.errors import FetchError, SealiftError
from manifests.progress import NoProgress

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
"""Far after every file that a test writes, so that each counts as settled."""


def make(kind: str, name: str = "s", **options: Any) -> Source:
    """Return a source as a configuration would make it."""
    return kind_class(kind).from_config(name, options)


@dataclass
class Bench:
    """A publisher's home in a directory, and what was waited for."""

    path: Path
    now: datetime = NOW
    pauses: list[float] = field(default_factory=list)
    sources: list[SourceConfig] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = Home(self.path)
        self.store = self.home.store()
        self.store.create()

    def configure(self, name: str, kind: str, **options: Any) -> None:
        """Add a source to the configuration, or replace the one of that name."""
        self.sources = [source for source in self.sources if source.name != name]
        own = {key: value for key, value in options.items() if key not in COMMON_KEYS}
        self.sources.append(SourceConfig(name, kind, own, CommonOptions.from_table(options)))

    @property
    def config(self) -> Config:
        """The configuration with the sources added so far."""
        return Config(publisher="acme", sources=tuple(self.sources))

    def pull_all(self, *names: str) -> PullResult:
        """Pull as ``bundle pull`` does."""
        return pull_all(self.context, names, pause=self.pauses.append)

    @property
    def context(self) -> Context:
        """What the commands work with."""
        return Context(self.home, self.config, lambda: self.now, NoProgress())

    @contextmanager
    def workbench(self, previous: Pull | None = None, **table: Any) -> Iterator[Workbench]:
        """Yield a bench; what was added is committed at the end. ``table``: common keys of the source."""
        common = CommonOptions.from_table(table)
        with self.store.batch() as batch:
            yield Workbench(
                self.store,
                batch,
                lambda: self.now,
                NoProgress(),
                self.pauses.append,
                previous,
                globs=common.globs,
                allow_older=common.allow_older,
                allow_empty=common.allow_empty,
                floor={} if previous is None else previous.floor,
            )
            batch.commit()

    def pull(self, source: Source, previous: Pull | None = None, **table: Any) -> Pull:
        """Pull one source. ``table``: common keys of it."""
        with self.workbench(previous, **table) as bench:
            pulled = source.pull(bench)
        partial.forget_downloads(self.home.fetching, source.name)
        return pulled

    def contents(self, pulled: Pull) -> Mapping[str, bytes]:
        """Return what a pull yielded, path to bytes."""
        return {target.path: b"".join(self.store.read(target.blob.sha256)) for target in pulled.targets}


def refused_urls(bench: Bench, *urls: object, **options: object) -> SealiftError:
    """Return the error of a source of kind ``http`` that must fail, and leave nothing."""
    with pytest.raises(FetchError) as caught:
        bench.pull(make("http", urls=list(urls), **options))
    assert not list(bench.home.temporary.iterdir())
    return caught.value
