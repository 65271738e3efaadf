"""A bundle on a damaged medium, made whole in the relay's own directory from the recovery data beside it.

Only a bundle that was refused, or could not be read, comes here. What can be read of it is copied; the blocks
that are not what they were are counted by their digests and rebuilt by :mod:`manifests.recovery`. The copy is
then imported as if it were the file on the medium: nothing that was rebuilt is believed before that. The medium
is never written to.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from manifests import recovery
from manifests.bundle.opening import open_bundle
from manifests.disk.blobs import CHUNK_BYTES
from manifests.disk.durable import require_room, storage_errors
from manifests.errors import IncompleteError, MalformedError, NotAuthenticError, SealiftError, StorageError
from manifests.limits import MIB
from manifests.progress import CancelToken, Progress
from manifests.text import count_text
from relay.store.temporary import create_repair_directory

PAGE_BYTES = 4096
"""What is given up when a medium cannot be read at some place."""
READS = 2
"""How often such a page is tried."""
MAX_SIDE_FILES = 16
"""Side files of a directory that are looked into, the one named like the bundle first."""
_SIDE_FACTOR, _SIDE_BYTES = 3, 2 * MIB
"""A longer side file is not ours: 100 % take twice the blocks of small bundles, and some around them."""
_UNREADABLE = frozenset({errno.EIO, errno.EREMOTEIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA, errno.EILSEQ})


@dataclass(frozen=True)
class RepairedBundle:
    """A bundle made whole; leaving the context removes it.

    ``path`` is the copy to import; ``damaged_blocks`` of ``blocks`` were rebuilt; ``unreadable_bytes`` of the
    bundle gave errors when read; ``side_file`` is where the recovery data was.
    """

    path: Path
    side_file: Path
    blocks: int
    damaged_blocks: int
    unreadable_bytes: int

    @property
    def text(self) -> str:
        """What to tell the operator, of whom nothing is asked."""
        if not self.damaged_blocks:
            return "The medium gave read errors and all was read in the end; use another one for the next bundle"
        return (
            f"The medium is damaged: rebuilt {self.damaged_blocks:,} of {count_text(self.blocks, 'block')} from "
            f"{self.side_file.name}; use another one for the next bundle"
        )

    def __enter__(self) -> RepairedBundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path.parent, ignore_errors=True)


def may_be_medium_damage(error: SealiftError) -> bool:
    """Tell whether an import failed in a way that damage of the medium explains."""
    if isinstance(error, StorageError):
        return error.errno in _UNREADABLE
    return isinstance(error, MalformedError | NotAuthenticError)


def list_side_files(bundle: Path) -> tuple[Path, ...]:
    """Return the files beside a bundle that may hold its recovery data, likeliest first; none of them is opened."""
    try:
        found = sorted(path for path in bundle.parent.iterdir() if recovery.is_side_name(path.name))
    except OSError:
        return ()
    likely = recovery.side_name(bundle.name).lower()
    return tuple(sorted(found, key=lambda path: path.name.lower() != likely)[:MAX_SIDE_FILES])


def find_own_side_file(bundle: Path) -> Path | None:
    """Return the side file that is named like a bundle, if it is there: what is disposed of together with it."""
    likely = recovery.side_name(bundle.name).lower()
    return next((path for path in list_side_files(bundle) if path.name.lower() == likely), None)


def repair_bundle(
    bundle: Path, temporary: Path, progress: Progress, cancel: CancelToken, *, reserve_bytes: int = 0
) -> RepairedBundle | None:
    """Make a damaged bundle whole, if there is recovery data for it.

    Args:
        bundle: The file on the medium.
        temporary: A directory of the relay's own, with room for the bundle twice and its recovery data twice.
        progress: Told about each step.
        cancel: Asked between steps and while the medium is read.
        reserve_bytes: What must stay free on that disk.

    Returns:
        The whole copy; ``None`` when there is no recovery data for the file, or when all of it was read at once
        and none of its blocks is damaged, so that it was refused for another reason.

    Raises:
        IncompleteError: ``recovery.too-damaged``: more is lost than can be rebuilt; ``recovery.unusable``.
        StorageError: ``storage.space``, ``recovery.failed``, or the disk is full or failing, or the medium is gone.
        ConfigurationError: ``recovery.program-missing``.
        MalformedError: ``bundle.not-a-file`` or ``bundle.hard-link``.
    """
    candidates = list_side_files(bundle)
    if not candidates:
        return None
    with _workspace(temporary) as workspace, open_bundle(bundle) as medium:
        return _Repair(bundle, medium, workspace, progress, cancel, reserve_bytes).run(candidates)


@contextmanager
def _workspace(temporary: Path) -> Iterator[Path]:
    """Yield a new directory that stays only if the bundle in it became whole."""
    workspace = create_repair_directory(temporary)
    whole = False
    try:
        yield workspace
        whole = any(workspace.glob("bundle.zip"))
    finally:
        if not whole:
            shutil.rmtree(workspace, ignore_errors=True)


class _Repair:
    """One attempt: the medium is copied once, however many side files are looked at."""

    def __init__(
        self,
        bundle: Path,
        medium: BinaryIO,
        workspace: Path,
        progress: Progress,
        cancel: CancelToken,
        reserve_bytes: int,
    ) -> None:
        self._bundle = bundle
        self._cancel = cancel
        self._medium = _MediumReader(medium, cancel)
        self._workspace = workspace
        self._progress = progress
        self._reserve_bytes = reserve_bytes
        self._copy = workspace / "damaged"

    def run(self, candidates: Sequence[Path]) -> RepairedBundle | None:
        """Try side files until one does; when none does, the first that is for this bundle says how much is lost."""
        refusal: IncompleteError | None = None
        for path in candidates:
            side = self._read_side(path)
            if side is None:
                continue
            try:
                found = self._rebuild(path, side)
            except IncompleteError as error:
                refusal = refusal or error
                continue
            if found is not None:
                return found
        if refusal is not None:
            raise refusal
        return None

    def _read_side(self, path: Path) -> recovery.SideFile | None:
        """Return what a side file holds, or ``None`` when it is not for this bundle."""
        copy = self._workspace / "side"
        try:
            with open_bundle(path) as file:
                medium = _MediumReader(file, self._cancel)
                if medium.length > _SIDE_FACTOR * self._medium.length + _SIDE_BYTES:
                    return None
                self._check_room(2 * medium.length)
                self._progress.start(f"Read recovery data in {path.name!a}", medium.length)
                with storage_errors(self._workspace):
                    medium.copy(copy, medium.length, self._progress)
                    side = recovery.read_side_file(copy)
        except MalformedError:
            return None
        # A copy that was cut short misses blocks at its end, and they must come from recovery blocks.
        length = self._medium.length
        if side is None or not length <= side.recovery_set.length <= length + medium.length:
            return None
        return side

    def _rebuild(self, path: Path, side: recovery.SideFile) -> RepairedBundle | None:
        """Rebuild the bundle from a side file, or find that it is not for this bundle or that nothing is lost."""
        whole = side.recovery_set
        can_lose = len(side.recovery)
        if not self._copy.exists():
            self._check_room(2 * whole.length)
            self._progress.start(f"Copy what can be read of {self._bundle.name!a}", self._medium.length)
            with storage_errors(self._workspace):
                self._medium.copy(self._copy, (can_lose + 1) * whole.block_bytes, self._progress)
        with storage_errors(self._copy), self._copy.open("rb") as file:
            damaged = recovery.count_damaged_blocks(file, whole)
        if damaged == whole.blocks or (damaged == 0 and not self._medium.errors):
            return None
        if damaged > can_lose:
            raise self._too_damaged(path, side, damaged)
        self._cancel.raise_if_cancelled()
        self._progress.start(f"Rebuild {damaged:,} of {count_text(whole.blocks, 'block')}")
        result = self._workspace / "bundle.zip"
        with storage_errors(self._workspace):
            if damaged:
                recovery.rebuild_bundle(self._copy, damaged, side, workspace=self._workspace, progress=self._progress)
            else:
                self._copy.replace(result)
            for name in ("side", "plain.par2"):
                (self._workspace / name).unlink(missing_ok=True)
        return RepairedBundle(result, path, whole.blocks, damaged, self._medium.lost_bytes)

    def _check_room(self, needed: int) -> None:
        require_room(
            self._workspace.parent,
            needed,
            reserve_bytes=self._reserve_bytes,
            what="The medium is damaged, and the disk has too little room to repair the bundle",
            todo="make room, then import again: nothing has changed",
        )

    def _too_damaged(self, path: Path, side: recovery.SideFile, damaged: int) -> IncompleteError:
        blocks, can_lose = side.recovery_set.blocks, len(side.recovery)
        return IncompleteError(
            "recovery.too-damaged",
            f"{self._bundle} is damaged beyond repair: it lost {damaged:,} of its {count_text(blocks, 'block')}",
            have=f"{count_text(can_lose, 'recovery block')} in {path.name}",
            need=f"{damaged:,}, or the bundle again, on another medium",
            todo="in the DMZ: write the bundle and its .par2 file to another medium",
            damaged_blocks=damaged,
            blocks=blocks,
            recovery_blocks=can_lose,
        )


class _MediumReader:
    """Reads a medium that may fail at places: those are zeros, and counted."""

    def __init__(self, medium: BinaryIO, cancel: CancelToken) -> None:
        self._cancel = cancel
        self._descriptor = medium.fileno()
        self.length = os.fstat(self._descriptor).st_size
        self.errors = 0
        self.lost_bytes = 0

    def copy(self, destination: Path, give_up_bytes: int, progress: Progress) -> None:
        """Copy what can be read; after so much lost the rest stays zero: each error costs seconds on a dying stick."""
        offset = 0
        with destination.open("wb") as file:
            while offset < self.length and self.lost_bytes < give_up_bytes:
                self._cancel.raise_if_cancelled()
                chunk = self._read(offset, min(CHUNK_BYTES, self.length - offset))
                if not chunk:
                    break  # the file has become shorter
                file.seek(offset)
                file.write(chunk)
                offset += len(chunk)
                progress.advance(len(chunk))
            file.truncate(self.length)

    def _read(self, offset: int, length: int) -> bytes:
        """Read a piece at once, else page by page, each as often as :data:`READS` says."""
        whole = self._try(offset, length)
        if whole is not None:
            return whole
        pages = []
        for start in range(offset, offset + length, PAGE_BYTES):
            wanted = min(PAGE_BYTES, offset + length - start)
            tries = (self._try(start, wanted) for _ in range(READS))
            page = next((data for data in tries if data is not None), None)
            if page is None:
                self.lost_bytes += wanted
            pages.append((page or b"").ljust(wanted, b"\x00"))
        return b"".join(pages)

    def _try(self, offset: int, length: int) -> bytes | None:
        try:
            return os.pread(self._descriptor, length, offset)
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            self.errors += 1
            return None
