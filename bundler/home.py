"""The publisher's directory: what stands where, and its one lock."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from manifests.disk import lock
from manifests.disk.blobs import BlobStore
from manifests.errors import ConfigurationError


@dataclass(frozen=True)
class Home:
    """Paths below the publisher's directory; nothing is touched by naming them."""

    path: Path

    @property
    def config(self) -> Path:
        """The configuration, ``bundler.toml``."""
        return self.path / "bundler.toml"

    @property
    def keys(self) -> Path:
        """Key files, readable by the owner only."""
        return self.path / "keys"

    @property
    def metadata(self) -> Path:
        """The TUF repository's metadata."""
        return self.path / "repository" / "metadata"

    @property
    def blobs(self) -> Path:
        """Content that was pulled, by digest."""
        return self.path / "blobs"

    @property
    def temporary(self) -> Path:
        """Content that is not complete yet, on the file system of :attr:`blobs`."""
        return self.path / "tmp"

    @property
    def sources(self) -> Path:
        """The last good pull of each source, ``<name>.json``."""
        return self.path / "sources"

    @property
    def fetching(self) -> Path:
        """Interrupted downloads, and the hosts that asked to be left alone."""
        return self.path / "fetching"

    @property
    def generations(self) -> Path:
        """What each version was sealed from, a directory per version."""
        return self.path / "generations"

    @property
    def journal(self) -> Path:
        """What ``bundle create`` is about to do, or has decided to do."""
        return self.path / "journal.json"

    @property
    def left_behind(self) -> Path:
        """Names of partial files on media that were taken out, see :mod:`bundler.seal.left_behind`."""
        return self.path / "left-behind.json"

    @property
    def staged_metadata(self) -> Path:
        """Metadata of a bundle whose commit is decided and not finished."""
        return self.path / "repository" / "staged"

    @property
    def staged_root(self) -> Path:
        """A root that still lacks signatures."""
        return self.path / "repository" / "staged-root.json"

    @property
    def unattended(self) -> Path:
        """The lock of the one ``bundle create --every`` that may run."""
        return self.path / "unattended.lock"

    def store(self) -> BlobStore:
        """Return the blob store."""
        return BlobStore(self.blobs, self.temporary)

    def lock(self, wait_seconds: float = 0.0) -> AbstractContextManager[None]:
        """Lock the home for this process alone: whoever changes keys, metadata or blobs does.

        Raises:
            LockedError: ``lock.held``.
        """
        return lock.exclusive_lock(self.path / "lock", wait_seconds=wait_seconds)


def open_home(path: Path) -> Home:
    """Return the home at ``path``.

    Raises:
        ConfigurationError: ``home.missing``.
    """
    home = Home(path)
    if not home.config.is_file():
        raise ConfigurationError(
            "home.missing",
            f"There is no publisher in {path}",
            need="bundler.toml, keys/ and repository/",
            todo=f"bundle --home {path} init",
        )
    return home
