"""``bundle gc``: remove generations beyond the retention, and every blob that nothing needs any longer.

A generation is kept when it is among the newest, when a registered site's last receipt says that the site
holds it (patches and increments stand on it), or when it is newer than what that site holds: its bundle may be
on the way, and may have to be made again.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bundler.config import Config
from bundler.fetch import partial
from bundler.history import History
from bundler.home import Home
from bundler.seal.journal import finish_interrupted
from bundler.sites.registry import Sites
from bundler.sources import records
from manifests import durable
from manifests.blobs import BlobStore
from manifests.progress import Progress


@dataclass(frozen=True)
class KeptFor:
    """A site, and the generations that are kept for it alone, ascending."""

    site: str
    versions: tuple[int, ...]


@dataclass(frozen=True)
class Collected:
    """What was, or would be, removed and kept; lengths in bytes."""

    versions: tuple[int, ...]
    blobs: int
    length: int
    kept_versions: tuple[int, ...]
    kept_blobs: int
    kept_length: int
    sites: tuple[KeptFor, ...]


def collect(home: Home, config: Config, progress: Progress, *, dry_run: bool = False) -> Collected:
    """Remove what nobody needs.

    Args:
        home: The publisher's directory.
        config: How many generations are kept.
        progress: Told about each step.
        dry_run: Say what would be removed and remove nothing.

    Returns:
        What was removed, and what was kept for whom.

    Raises:
        ConfigurationError: ``history.damaged``, ``sites.damaged``, ``source.record``: nothing is removed.
        StorageError: The disk is failing.
        LockedError: Another process works in the home.
    """
    with home.lock():
        finish_interrupted(home)
        history, store = History(home), home.store()
        versions = history.versions()
        newest = set(versions[-config.retention_generations :])
        wanted = {site.name: _for_site(versions, site.receipt.generations) for site in Sites.load(home)}
        kept = newest.union(*wanted.values())
        progress.start("look")
        needed = _needed(home, history, kept)
        removed = [version for version in versions if version not in kept]
        here = list(_blobs(store))
        doomed = [(digest, length) for digest, length in here if digest not in needed]
        if not dry_run:
            for version in removed:  # first what names the blobs, so that no generation is without its content
                history.forget(version)
            partial.sweep_downloads(home.fetching, {source.name for source in config.sources})
            _remove(store, [digest for digest, _ in doomed], progress)
        length = sum(length for _, length in doomed)
        return Collected(
            versions=tuple(removed),
            blobs=len(doomed),
            length=length,
            kept_versions=tuple(sorted(kept)),
            kept_blobs=len(here) - len(doomed),
            kept_length=sum(size for _, size in here) - length,
            sites=tuple(
                KeptFor(name, tuple(sorted(versions - newest)))
                for name, versions in wanted.items()
                if versions - newest
            ),
        )


def _for_site(versions: Iterable[int], held: Iterable[int]) -> set[int]:
    """Return the generations that a site holds, or may still be sent."""
    holds = set(held)
    newest = max(holds, default=0)
    return {version for version in versions if version in holds or version > newest}


def _needed(home: Home, history: History, kept: Iterable[int]) -> set[str]:
    """Return the digests of all that must stay."""
    needed: set[str] = set()
    for version in kept:
        needed.update(history.needed(version))
    with durable.storage_errors(home.sources):
        names = [path.stem for path in home.sources.glob("*.json")] if home.sources.is_dir() else []
    for name in names:
        record = records.load_record_of_any_kind(home.sources, name)
        if record is not None and record.good is not None:
            needed.update(target.blob.sha256 for target in record.good.pull.targets)
    return needed


def _blobs(store: BlobStore) -> Iterator[tuple[str, int]]:
    """Yield every blob of the store with its length."""
    with durable.storage_errors(store.root):
        for directory in sorted(store.root.iterdir()):
            for path in directory.iterdir():
                status = path.stat()
                if stat.S_ISREG(status.st_mode):
                    yield path.name, status.st_size


def _remove(store: BlobStore, digests: list[str], progress: Progress) -> None:
    progress.start("remove", len(digests))
    with durable.storage_errors(store.root):
        for digest in digests:
            store.path(digest).unlink()
            progress.advance(1)
        durable.sync_filesystem(store.root)


__all__ = ["Collected", "KeptFor", "collect"]
