"""Write bundles out of signed manifests, verify what was written, and put companions beside them.

Used by ``bundle create`` for a new version, and again for one that was sealed before.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundler.context import Context
from bundler.history import SealedVolume
from bundler.plan.compress import Compressed
from bundler.seal.companions import ChooseCompanions, Companion, CompanionFile, SealedFile, no_companions
from bundler.seal.journal import Journal, PendingFile
from bundler.seal.running_digest import RunningDigest
from bundler.seal.verify import verify_sealed
from bundler.seal.write import write_bundle
from manifests.disk import durable
from manifests.disk.blobs import CHUNK_BYTES
from manifests.errors import StorageError
from manifests.manifest import Manifest
from manifests.trust import trusted_root


@dataclass(frozen=True)
class WrittenFiles:
    """What one run wrote: the journal that names all of it, the bundles, and what goes beside them."""

    journal: Journal
    files: tuple[SealedFile, ...]
    companions: tuple[CompanionFile, ...]


@dataclass(frozen=True)
class VerifiedWriter:
    """Writes the bundles of one run, and reads each back before anybody gets it.

    Args:
        context: Where it works and whom it tells.
        root: The first root, with which a new relay begins: what it verifies, every relay can.
        choose_companions: What goes beside the bundles.
    """

    context: Context
    root: bytes
    choose_companions: ChooseCompanions = no_companions

    def begin_journal(self, out: Path, manifests: Sequence[Manifest], version: int | None) -> Journal:
        """Name all bundles in the journal, before the first byte is written.

        Raises:
            UsageError: ``create.exists``.
            StorageError: ``storage.space``: there is too little room; the disk is full, read-only or failing.
        """
        directory = out.absolute()
        with advised_about(directory):
            durable.make_directory(directory)
            durable.require_room(
                directory,
                sum(_length_of(manifest) for manifest in manifests),
                todo="make room, or choose another --out; what a site lacks takes less: bundle create --since RECEIPT",
            )
        files = [PendingFile.of(directory / manifest.file_name) for manifest in manifests]
        return Journal.begin(self.context.home, files, version)

    def write_volumes(
        self,
        journal: Journal,
        volumes: Sequence[SealedVolume],
        documents: Sequence[tuple[str, bytes]],
        compressed: Compressed,
        *,
        accept_expired: bool = False,
    ) -> WrittenFiles:
        """Write and verify every volume, then what goes beside them.

        Returns:
            The journal, which names the files beside them too, and the files.

        Raises:
            SealiftError: What a relay would refuse a bundle for.
            StorageError: The disk is full, read-only or failing.
        """
        sealed = [
            self._write_volume(file, volume, documents, compressed, accept_expired=accept_expired)
            for file, volume in zip(journal.files, volumes, strict=True)
        ]
        companions = self.choose_companions(sealed)
        files = [PendingFile.of(journal.files[0].final.with_name(companion.name)) for companion in companions]
        if files:
            journal = journal.extend(self.context.home, files)
        written = [_write_beside(companion, file) for companion, file in zip(companions, files, strict=True)]
        return WrittenFiles(journal, tuple(sealed), tuple(written))

    def _write_volume(
        self,
        file: PendingFile,
        volume: SealedVolume,
        documents: Sequence[tuple[str, bytes]],
        compressed: Compressed,
        *,
        accept_expired: bool,
    ) -> SealedFile:
        store, progress = self.context.store, self.context.progress
        with RunningDigest(file.partial) as digest:
            with advised_about(file.final.parent):
                write_bundle(file.partial, volume, documents, store, compressed, progress, digest.reach)
            # As a relay that knows only the first root, and nothing of what this process has in memory.
            state = trusted_root(self.root)
            verify_sealed(file.partial, state, self.context.clock(), progress, accept_expired=accept_expired)
            length = file.partial.stat().st_size
            return SealedFile(file.final, file.partial, length, digest.hexdigest(), volume.manifest)


def _write_beside(companion: Companion, file: PendingFile) -> CompanionFile:
    with advised_about(file.final.parent):
        companion.write(file.partial)
    return CompanionFile(companion.kind, file.final, file.partial.stat().st_size, file_digest(file.partial))


@contextmanager
def advised_about(directory: Path) -> Iterator[None]:
    """Say what to do when the directory that the operator chose cannot take the files."""
    try:
        yield
    except StorageError as error:
        if error.path is None or not error.path.is_relative_to(directory):
            raise
        large = error.errno == errno.EFBIG
        way = "no file is that large there: bundle create --volume-size fat32" if large else "choose another --out"
        raise error.reworded(todo=error.todo or way) from error


def _length_of(manifest: Manifest) -> int:
    """Return what the members of a bundle take, in bytes: a little less than the whole."""
    documents = (doc.length if doc.deflated is None else doc.deflated[1] for doc in manifest.documents)
    blobs = (blob.stored_length for blob in manifest.blobs)
    return sum(documents) + sum(blobs) + sum(patch.patch_length for patch in manifest.patches)


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
