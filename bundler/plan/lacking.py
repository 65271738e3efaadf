"""What each site lacks: the content that it has not got of what would be sealed now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from bundler.config import Config
from bundler.history import History
from bundler.home import Home
from bundler.plan.present import find_present
from bundler.plan.readers import Readers
from bundler.pull.last_good import read_last_good
from bundler.sites.holdings import holdings_of
from manifests.manifest import Target
from manifests.receipt import Receipt


def missing_bytes_counter(home: Home, config: Config) -> Callable[[Receipt], int | None]:
    """Return what counts the bytes of content that an increment since a receipt would carry.

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
    known = cache(History(home).read_all_targets)  # read once, however many sites ask, and not at all for none

    def count(receipt: Receipt) -> int | None:
        return missing_bytes_of(targets.values(), known(), Readers((holdings_of(receipt),))) if targets else None

    return count


def missing_bytes_of(targets: Iterable[Target], known: Mapping[int, Sequence[Target]], readers: Readers) -> int:
    """Return how many bytes of targets, each content given once, some of the readers lack.

    Args:
        targets: What would be sealed.
        known: The targets of each generation that is remembered, newest first.
        readers: For whom.
    """
    present = find_present(known, readers)
    return sum(present.missing_bytes(target) for target in targets if target.sha256 not in present.generations)
