"""What goes beside the bundles of a run, committed with them: slips, recovery data."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from manifests.disk import durable
from manifests.manifest import Manifest


@dataclass(frozen=True)
class SealedFile:
    """A bundle that is written and verified.

    Args:
        path: The name it gets once everything is committed.
        partial: Where its bytes are until then.
        length: In bytes.
        sha256: Of the whole file, lower-case hex.
        manifest: What it carries.
    """

    path: Path
    partial: Path
    length: int
    sha256: str
    manifest: Manifest


CompanionKind = Literal["slip", "recovery"]


@dataclass(frozen=True)
class Companion:
    """A file that goes beside the bundles: what it is, its name, and who writes and syncs it at the path given."""

    kind: CompanionKind
    name: str
    write: Callable[[Path], None]


@dataclass(frozen=True)
class CompanionFile:
    """A companion that is written: the name it gets, its length in bytes, its SHA-256."""

    kind: CompanionKind
    path: Path
    length: int
    sha256: str


ChooseCompanions = Callable[[Sequence[SealedFile]], Sequence[Companion]]
"""Asked once all bundles are verified. What fails here fails the whole run."""


def no_companions(_: Sequence[SealedFile]) -> Sequence[Companion]:
    """Put nothing beside the bundles."""
    return ()


def all_companions(*choices: ChooseCompanions) -> ChooseCompanions:
    """Put beside the bundles what each of several would."""
    return lambda files: [companion for choose in choices for companion in choose(files)]


def write_companion(path: Path, data: bytes) -> None:
    """Write and sync a file under just this name, which the journal has: a crash leaves no other.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    with durable.storage_errors(path), path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
