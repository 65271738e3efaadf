"""What a command of the publisher works with."""

from __future__ import annotations

from dataclasses import dataclass

from bundler.config import Config
from bundler.home import Home
from bundler.sources.own_files import OwnPlace
from manifests.clock import Clock
from manifests.disk.blobs import BlobStore
from manifests.progress import Progress


@dataclass(frozen=True)
class Context:
    """The publisher's home and what travels with it through every step of a command.

    Args:
        home: The publisher's directory.
        config: As it was read from there.
        clock: Tells the time.
        progress: Told about each step.
        own_places: Files and directories of ours that may lie where a source looks, such as secrets and ``--out``.
    """

    home: Home
    config: Config
    clock: Clock
    progress: Progress
    own_places: tuple[OwnPlace, ...] = ()

    @property
    def store(self) -> BlobStore:
        """The blob store of the home."""
        return self.home.store()
