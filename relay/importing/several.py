"""Import of several files and directories: what in a directory is a bundle, in which order, and what is lacking."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from manifests import recovery
from manifests.bundle.claimed import claimed_manifest
from manifests.bundle.opening import open_bundle
from manifests.container.recognise import begins_with_member
from manifests.disk.durable import storage_errors
from manifests.errors import (
    DamagedBundleError,
    IncompleteError,
    LockedError,
    MediumError,
    OlderTimestampError,
    SealiftError,
    StorageError,
)
from manifests.manifest import MANIFEST_NAME
from relay.importing.result import ImportResult
from relay.store.outstanding import OutstandingContent

_Claim = tuple[int, int] | None
"""Version and volume that a bundle claims, unverified: good for an order only."""


@dataclass(frozen=True)
class Attempt:
    """What became of one file: a result, a refusal, or neither when it was passed over.

    ``more_to_come``: other files are tried after it.
    """

    path: Path
    more_to_come: bool = False
    result: ImportResult | None = None
    error: SealiftError | None = None
    passed_over: str | None = None


def import_paths(
    paths: Sequence[Path], newest: Callable[[], int], import_one: Callable[[Path], ImportResult]
) -> Iterator[Attempt]:
    """Import files, and of each directory every bundle; all of them oldest first, volumes by number.

    In a directory, bundles older than what is here are passed over: a stick may keep the earlier ones.
    A refusal or an unreadable stick does not stop the others; a failing disk or a lock does.

    Args:
        paths: Files and directories.
        newest: Returns the newest generation that is here.
        import_one: Imports one file or raises.
    """
    entries: list[tuple[Path, _Claim, bool]] = []
    for path in paths:
        if path.is_dir():
            entries += [(entry, claim, False) for entry, claim in _claims_in(path)]
        else:
            entries.append((path, _claim(path) if len(paths) > 1 else None, True))
    entries.sort(key=lambda entry: (entry[1] is None, entry[1] or (0, 0)))
    for place, (path, claim, named) in enumerate(entries, 1):
        more = place < len(entries)
        if claim is not None and not named and claim[0] < newest():
            yield Attempt(path, more, passed_over=f"Version {claim[0]} is older than generation {newest()}")
        else:
            attempt = _attempt(path, import_one, more_to_come=more)
            if (
                isinstance(attempt.error, OlderTimestampError) and not named
            ):  # nobody could tell before recovery data had made it whole
                attempt = Attempt(path, more, passed_over=f"It is older than generation {newest()}")
            yield attempt


def find_shortfall(attempts: Sequence[Attempt], newest: int) -> SealiftError | None:
    """Return why not everything is well after all files, or ``None``.

    A bundle that lacked something is forgiven once its generation, or a newer one, is here.

    Args:
        attempts: What became of each file.
        newest: The newest generation that is here now.
    """
    for place, attempt in enumerate(attempts):
        if attempt.error is not None and (_incomplete_generation(attempt.error) or newest + 1) > newest:
            return _as_it_is_now(attempt.error, attempts[place + 1 :])
    waiting = [
        attempt.result.outstanding
        for attempt in attempts
        if attempt.result is not None and attempt.result.outstanding is not None and attempt.result.generation > newest
    ]
    if not waiting:
        return None
    left = waiting[-1]
    return IncompleteError(
        "volume.missing",
        f"Generation {left.generation} is incomplete; the parts received are kept",
        have=left.have,
        need=left.need,
        todo=left.todo,
        generation=left.generation,
        missing=left.missing_targets,
    )


def _as_it_is_now(error: SealiftError, later: Sequence[Attempt]) -> SealiftError:
    """Let a damaged bundle's refusal say what its generation lacks after the files that came behind it, too."""
    for attempt in later:
        now: SealiftError | OutstandingContent | None = attempt.error
        generation = None if attempt.error is None else _incomplete_generation(attempt.error)
        if attempt.result is not None and attempt.result.outstanding is not None:
            now, generation = attempt.result.outstanding, attempt.result.generation
        if now is not None and isinstance(error, DamagedBundleError) and generation == error.generation:
            error = error.reworded(have=now.have, need=now.need, todo=now.todo)
    return error


def _incomplete_generation(error: SealiftError) -> int | None:
    return error.generation if isinstance(error, IncompleteError) else None


def _claims_in(directory: Path) -> list[tuple[Path, _Claim]]:
    with storage_errors(directory):
        found = sorted(directory.iterdir())
    names = {entry.name.lower() for entry in found}
    entries = [
        entry
        for entry in found
        if _begins_like_a_bundle(entry, protected=recovery.side_name(entry.name).lower() in names)
    ]
    claims = [(entry, _claim(entry)) for entry in entries]
    return sorted(claims, key=lambda claim: (claim[1] is None, claim[1] or (0, 0), claim[0].name))


def _attempt(path: Path, import_one: Callable[[Path], ImportResult], *, more_to_come: bool) -> Attempt:
    try:
        return Attempt(path, more_to_come, result=import_one(path))
    except LockedError:
        raise
    except SealiftError as error:
        if isinstance(error, StorageError) and not isinstance(error, MediumError):
            raise
        return Attempt(path, more_to_come, error=error)


def _begins_like_a_bundle(path: Path, *, protected: bool) -> bool:
    """Tell whether a file may be a bundle; what cannot be read at all is for the import to say.

    Args:
        path: An entry of a directory.
        protected: Whether recovery data lies beside it, so that it may be one even if its beginning is lost.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return protected or begins_with_member(descriptor, MANIFEST_NAME)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _claim(path: Path) -> _Claim:
    try:
        with open_bundle(path) as file:
            manifest = claimed_manifest(file)
    except SealiftError:
        return None
    return manifest.snapshot_version, manifest.volume_index
