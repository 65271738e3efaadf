"""``bundle gc``: forget versions beyond the retention, and every blob that nothing needs any longer.

A version is kept when it is among the newest, when a registered site's last receipt says that the site
holds it (patches and increments stand on it), or when it is newer than what that site holds: its bundle may be
on the way, and may have to be made again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bundler.context import Context
from bundler.fetch import partial
from bundler.history import History
from bundler.home import Home
from bundler.seal.journal import finish_interrupted
from bundler.sites.records import Site
from bundler.sites.registry import Sites
from bundler.sources import records
from manifests.disk import durable


@dataclass(frozen=True)
class KeptForSite:
    """A site, and the versions that are kept for it alone, ascending."""

    site: str
    versions: tuple[int, ...]


@dataclass(frozen=True)
class CollectedVersions:
    """What was, or would be, removed and kept; lengths in bytes."""

    versions: tuple[int, ...]
    blobs: int
    length: int
    kept_versions: tuple[int, ...]
    kept_blobs: int
    kept_length: int
    sites: tuple[KeptForSite, ...]


def collect_garbage(context: Context, *, dry_run: bool = False) -> CollectedVersions:
    """Forget versions that nobody needs, and remove content that nothing needs.

    1. Decide which versions are kept, and for whom.
    2. Forget the others, durably.
    3. Remove the content that none of those needs that are kept.

    Args:
        context: The publisher's home, and how many versions are kept; told about each step.
        dry_run: Say what would be removed and remove nothing.

    Returns:
        What was removed, and what was kept for whom.

    Raises:
        ConfigurationError: ``history.damaged``, ``sites.damaged``, ``source.record``: nothing is removed.
        StorageError: The disk is failing.
        LockedError: Another process works in the home.
    """
    home, config, store = context.home, context.config, context.store
    with home.lock():
        finish_interrupted(home)
        # 1. Versions.
        history = History(home)
        versions = history.list_versions()
        newest = set(versions[-config.retention_generations :])
        wanted = {site.name: _versions_for(site, versions) for site in Sites.load(home)}
        kept = newest.union(*wanted.values())
        context.progress.start("look")
        needed = _needed_digests(home, history, kept)
        removed = [version for version in versions if version not in kept]
        here = list(store.list_blobs())
        doomed = [blob for blob in here if blob.sha256 not in needed]
        if not dry_run:
            # 2. What names the content goes first, so that no version is without its content.
            for version in removed:
                history.forget_version(version)
            # 3. Content, and what is left of the downloads of sources that are configured no longer.
            partial.sweep_downloads(home.fetching, {source.name for source in config.sources})
            context.progress.start("remove", len(doomed))
            store.remove_blobs(doomed, context.progress)
        length = sum(blob.length for blob in doomed)
        return CollectedVersions(
            versions=tuple(removed),
            blobs=len(doomed),
            length=length,
            kept_versions=tuple(sorted(kept)),
            kept_blobs=len(here) - len(doomed),
            kept_length=sum(blob.length for blob in here) - length,
            sites=tuple(
                KeptForSite(name, tuple(sorted(versions - newest)))
                for name, versions in wanted.items()
                if versions - newest
            ),
        )


def _versions_for(site: Site, versions: Iterable[int]) -> set[int]:
    """Return the versions that a site has, or may still be sent."""
    there = set(site.receipt.generations)
    newest = max(there, default=0)
    return {version for version in versions if version in there or version > newest}


def _needed_digests(home: Home, history: History, kept: Iterable[int]) -> set[str]:
    """Return the digests of all that must stay."""
    needed: set[str] = set()
    for version in kept:
        needed.update(history.needed_digests(version))
    with durable.storage_errors(home.sources):
        names = [path.stem for path in home.sources.glob("[!.]*.json")] if home.sources.is_dir() else []
    for name in names:
        record = records.load_record_of_any_kind(home.sources, name)
        if record is not None and record.good is not None:
            needed.update(target.blob.sha256 for target in record.good.pull.targets)
    return needed
