"""Import of one bundle: verify, store, commit, say OK; a crash at any instant leaves the old or the new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from manifests.clock import Clock
from manifests.console import NoProgress, Progress
from relay.config import Config
from relay.home import Home

Result = Literal["imported", "already-imported", "repaired"]

WAIT_SECONDS = 60.0
"""How long an import waits for another one to end."""


@dataclass(frozen=True)
class ImportResult:
    """What became of a bundle that was believed.

    ``outcome``: ``imported`` made a new generation; ``already-imported`` changed nothing; ``repaired``
    brought back content of a generation that the store had lost. ``bytes_read`` is content hashed.
    """

    outcome: Result
    path: Path
    publisher: str
    generation: int
    created: datetime
    targets: int
    bytes_read: int
    text: str


def import_file(
    home: Home,
    config: Config,
    path: Path,
    *,
    clock: Clock,
    progress: Progress | None = None,
    accept_expired: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    quarantine: bool = False,
) -> ImportResult:
    """Import one bundle file; the file is left where it is unless it is refused into quarantine.

    Args:
        home: The relay's directory.
        config: Its configuration.
        path: The file, whatever its name.
        clock: The system's clock.
        progress: Told how far it is.
        accept_expired: Believe expired roles; recorded in the audit log.
        wait_seconds: How long to wait for another import.
        quarantine: Move a refused file into quarantine; the record's id is in the error's context.

    Raises:
        NotAuthenticError: A signature or digest does not hold.
        MalformedError: The container or a document breaks its format.
        RollbackError: Older than what is trusted already.
        ExpiredError: Past its signed lifetime.
        IncompleteError: ``base.missing``: content that the site should hold is not there.
        StorageError: ``storage.space`` beforehand, or any other storage error; nothing changed.
        LockedError: ``lock.held``: another import did not end in time.
    """
    progress = progress or NoProgress()
    raise NotImplementedError
