"""What each site would need: the content that it lacks of what would be sealed now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from bundler.config import Config
from bundler.history import History
from bundler.home import Home
from bundler.plan import present as increment
from bundler.plan.readers import Readers
from bundler.pull.last_good import read_last_good
from bundler.sites.holdings import holdings_of
from manifests.manifest import Target
from manifests.receipt import Receipt


class _Remembered(History):
    """History of which each generation's targets are read once, however many sites ask."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._once: Callable[[int], tuple[Target, ...]] = cache(super().targets)

    def targets(self, version: int) -> tuple[Target, ...]:
        return self._once(version)


def need_of(home: Home, config: Config) -> Callable[[Receipt], int | None]:
    """Return what tells how many bytes of content an increment since a receipt would carry.

    It is that of ``bundle create --no-pull --since RECEIPT``, as agents get the content: patches and compression
    make the bundle smaller. ``None`` as long as nothing was pulled.

    Args:
        home: Whose history and last good content it is computed from.
        config: Names the sources.

    Raises:
        ConfigurationError: ``source.record``; ``history.damaged`` once it is asked.
        StorageError: A file cannot be read.
    """
    pulled = read_last_good(home, config)
    targets = {target.sha256: target for source in pulled.targets.values() for target in source}
    history = _Remembered(home)

    def need(receipt: Receipt) -> int | None:
        return missing_bytes(targets.values(), history, Readers((holdings_of(receipt),))) if targets else None

    return need


def missing_bytes(targets: Iterable[Target], history: History, readers: Readers) -> int:
    """Return how many bytes of targets, each content given once, some of the readers lack.

    Raises:
        ConfigurationError: ``history.damaged``.
        StorageError: A file cannot be read.
    """
    having = increment.held(history, readers)
    return sum(having.missing(target) for target in targets if target.sha256 not in having.generations)
