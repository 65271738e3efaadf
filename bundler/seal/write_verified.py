"""From manifests to files: write, verify what was written, and what goes beside the bundles.

Used by ``bundle create`` for a new version, and again for one that was sealed before.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bundler.history import SealedVolume
from bundler.home import Home
from bundler.plan.compress import Compressed
from bundler.repository.repository import Repository
from bundler.seal.journal import Journal, Placed
from bundler.seal.running_digest import FollowingDigest
from bundler.seal.verify import verify_sealed
from bundler.seal.write import write
from manifests import durable
from manifests.blobs import CHUNK_BYTES, BlobStore
from manifests.clock import Clock
from manifests.errors import StorageError
from manifests.manifest import Manifest
from manifests.progress import Progress
from manifests.trust import trusted_root


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


ExtraKind = Literal["slip", "recovery"]


@dataclass(frozen=True)
class Extra:
    """A file that goes beside the bundles: what it is, its name, and who writes and syncs it at the path given."""

    kind: ExtraKind
    name: str
    write: Callable[[Path], None]


@dataclass(frozen=True)
class BesideFile:
    """A file that was written beside the bundles: the name it gets, its length in bytes, its SHA-256."""

    kind: ExtraKind
    path: Path
    length: int
    sha256: str


@dataclass(frozen=True)
class Written:
    """What one run wrote: the journal that names all of it, the bundles, and what goes beside them."""

    journal: Journal
    files: tuple[SealedFile, ...]
    beside: tuple[BesideFile, ...]


Extras = Callable[[Sequence[SealedFile]], Sequence[Extra]]
"""Asked once all bundles are verified: slips, recovery data. What fails here fails the whole run."""


def no_extras(_: Sequence[SealedFile]) -> Sequence[Extra]:
    """Put nothing beside the bundles."""
    return ()


def together(*parts: Extras) -> Extras:
    """Put beside the bundles what each of several would."""
    return lambda files: [extra for part in parts for extra in part(files)]


@dataclass(frozen=True)
class Sealing:
    """One run: where it works and whom it tells."""

    home: Home
    store: BlobStore
    clock: Clock
    progress: Progress
    extras: Extras = no_extras

    def begin(self, out: Path, manifests: Sequence[Manifest], version: int | None) -> Journal:
        """Name all bundles in the journal, before the first byte is written.

        Raises:
            UsageError: ``create.exists``.
            StorageError: ``storage.space``: there is too little room; the disk is full, read-only or failing.
        """
        directory = out.absolute()
        with written_to(directory):
            durable.make_directory(directory)
            _check_room(directory, manifests)
        files = [Placed.at(directory / manifest.file_name) for manifest in manifests]
        return Journal.begin(self.home, files, version)

    def write(
        self,
        journal: Journal,
        volumes: Sequence[SealedVolume],
        documents: Sequence[tuple[str, bytes]],
        compressed: Compressed,
        *,
        accept_expired: bool = False,
    ) -> Written:
        """Write and verify every volume, then what goes beside them.

        Returns:
            The journal, which names the files beside them too, and the files.

        Raises:
            SealiftError: What a relay would refuse a bundle for.
            StorageError: The disk is full, read-only or failing.
        """
        root = Repository.load(self.home.metadata).roots[0]
        sealed = []
        for place, volume in zip(journal.files, volumes, strict=True):
            with FollowingDigest(place.partial) as digest:
                with written_to(place.final.parent):
                    write(place.partial, volume, documents, self.store, compressed, self.progress, digest.reach)
                now, state = self.clock(), trusted_root(root)  # as a relay that knows only the first root
                verify_sealed(place.partial, state, now, self.progress, accept_expired=accept_expired)
                length = place.partial.stat().st_size
                sealed.append(SealedFile(place.final, place.partial, length, digest.hexdigest(), volume.manifest))
        extras = self.extras(sealed)
        places = [Placed.at(journal.files[0].final.with_name(extra.name)) for extra in extras]
        if places:
            journal = journal.extend(self.home, places)
        beside = [self._beside(extra, place) for extra, place in zip(extras, places, strict=True)]
        return Written(journal, tuple(sealed), tuple(beside))

    def _beside(self, extra: Extra, place: Placed) -> BesideFile:
        with written_to(place.final.parent):
            extra.write(place.partial)
        return BesideFile(extra.kind, place.final, place.partial.stat().st_size, file_digest(place.partial))


@contextmanager
def written_to(directory: Path) -> Iterator[None]:
    """Say what to do when the place that the operator chose cannot take the files."""
    try:
        yield
    except StorageError as error:
        if error.path is None or not error.path.is_relative_to(directory):
            raise
        large = error.errno == errno.EFBIG
        way = "no file is that large there: bundle create --volume-size fat32" if large else "choose another --out"
        raise error.reworded(todo=error.todo or way) from error


def _check_room(directory: Path, manifests: Sequence[Manifest]) -> None:
    """Refuse before the first byte what would end minutes later."""
    need = sum(
        sum(document.length if document.deflated is None else document.deflated[1] for document in manifest.documents)
        + sum(blob.stored_length for blob in manifest.blobs)
        + sum(patch.patch_length for patch in manifest.patches)
        for manifest in manifests
    )
    with durable.storage_errors(directory):
        room = os.statvfs(directory)
    free = room.f_bavail * room.f_frsize
    if room.f_blocks and free < need:  # a file system that does not tell its size says 0
        raise StorageError(
            "storage.space",
            f"There is too little room in {directory}",
            have=f"{free:,} bytes free",
            need=f"at least {need:,}",
            todo="make room, or choose another --out; what a site lacks takes less: bundle create --since RECEIPT",
            free=free,
            needed=need,
        )


def put(path: Path, data: bytes) -> None:
    """Write and sync a file under just this name, which the journal has: a crash leaves no other.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    with durable.storage_errors(path), path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a whole file, in lower-case hex.

    Raises:
        StorageError: It cannot be read.
    """
    hasher = hashlib.sha256()
    with durable.storage_errors(path), path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()
