"""The relay's directory: what is where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from manifests.disk.blobs import BlobStore
from manifests.disk.lock import exclusive_lock
from manifests.errors import ConfigurationError
from relay.state.last_refusal import LAST_REFUSAL


@dataclass(frozen=True)
class Home:
    """The relay's directory, ``path`` absolute."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The configuration."""
        return self.path / "relay.toml"

    @property
    def root_file(self) -> Path:
        """The root that a person pinned at ``relay init``; never changed after."""
        return self.path / "root.json"

    @property
    def inbox(self) -> Path:
        """The first watched directory."""
        return self.path / "inbox"

    @property
    def store(self) -> BlobStore:
        """Content by digest."""
        return BlobStore(self.path / "blobs", self.path / "tmp")

    @property
    def database(self) -> Path:
        """Trusted metadata, generations, rings and what changed them."""
        return self.path / "state.db"

    @property
    def audit_file(self) -> Path:
        """What happened and changed nothing of the state: refusals, starts, quarantine; see :mod:`relay.events.log`."""
        return self.path / "audit.jsonl"

    @property
    def last_refusal_file(self) -> Path:
        """The outcome of the last refusal; see :mod:`relay.state.last_refusal`."""
        return self.path / LAST_REFUSAL

    @property
    def quarantine(self) -> Path:
        """Refused bundles, encrypted."""
        return self.path / "quarantine"

    @property
    def out(self) -> Path:
        """What people take away: the feature list."""
        return self.path / "out"

    @property
    def tls(self) -> Path:
        """Private CA and server certificate."""
        return self.path / "tls"

    @property
    def lock_file(self) -> Path:
        """Taken by whoever changes the store or the state."""
        return self.path / "lock"

    @contextmanager
    def lock(self, wait_seconds: float = 0.0) -> Iterator[None]:
        """Be the one process that changes this home.

        Raises:
            LockedError: ``lock.held``.
        """
        with exclusive_lock(self.lock_file, wait_seconds=wait_seconds):
            yield


def open_home(path: Path) -> Home:
    """Return the home at ``path``.

    Raises:
        ConfigurationError: ``home.missing`` when ``relay init`` has not been run there.
    """
    home = Home(path.absolute())
    if not home.config_file.is_file() or not home.database.is_file():
        raise ConfigurationError(
            "home.missing",
            f"There is no relay in {path}",
            need="the directory of a relay (--home or SEALIFT_HOME)",
            todo="relay init --root root.json",
        )
    return home
