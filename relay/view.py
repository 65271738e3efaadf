"""What the server and the status commands see: one immutable picture of the state, switched at once.

A request takes one :class:`View` and answers from it alone, so no response mixes two generations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from manifests.blobs import Blob
from relay.config import Config
from relay.home import Home
from relay.status import Status


@dataclass(frozen=True)
class PublishedFile:
    """One file of a ring. ``modified_at`` is when this relay published the path, in whole seconds."""

    path: str
    sha256: str
    length: int
    modified_at: datetime


@dataclass(frozen=True)
class Publication:
    """What one ring serves: ``files`` by full target path, such as ``clamav/daily.cvd``."""

    ring: str
    generation: int
    created: datetime
    files: Mapping[str, PublishedFile]


@dataclass(frozen=True)
class View:
    """Everything that is served, at one instant.

    ``rings`` is empty before the first import. ``metadata`` holds TUF file names such as ``1.root.json``,
    ``timestamp.json``, ``7.snapshot.json``; ``tuf_targets`` consistent-snapshot names such as
    ``clamav/<sha256>.daily.cvd``.
    """

    rings: Mapping[str, Publication]
    default_ring: str
    metadata: Mapping[str, bytes]
    tuf_targets: Mapping[str, Blob]
    mount_at_root: str | None
    status: Status


class Views:
    """The newest view, rebuilt when the state has changed. Safe to use from several threads.

    Args:
        home: The relay's directory.
        config: Its configuration.
    """

    def __init__(self, home: Home, config: Config) -> None:
        self._home = home
        self._config = config

    def current(self) -> View:
        """Return the newest view; a stat and a pragma when nothing has changed.

        Raises:
            StorageError: The state cannot be read.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the database."""


__all__ = ["Publication", "PublishedFile", "Status", "View", "Views"]
