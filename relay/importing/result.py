"""What became of a bundle that was believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from relay.store.outstanding import OutstandingContent

Outcome = Literal["imported", "already-imported", "repaired", "stored", "already-stored"]


@dataclass(frozen=True)
class ImportResult:
    """What became of a bundle that was believed.

    ``outcome``: ``imported`` made a new generation; ``already-imported`` changed nothing; ``repaired``
    brought back content of a generation that the store had lost; ``stored`` took a share of a generation that is
    not whole yet, and ``already-stored`` had taken it before: ``outstanding`` is what that generation lacks.
    ``bytes_read`` is content hashed.
    """

    outcome: Outcome
    path: Path
    publisher: str
    generation: int
    created: datetime
    targets: int
    bytes_read: int
    text: str
    outstanding: OutstandingContent | None = None
