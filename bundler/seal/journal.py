"""What ``bundle create`` is about to do, or has decided to do, so that it is one step for any number of files.

``journal.json`` names the partial files before their first byte is written, so that whatever a crash leaves is
removed by the next run. Once everything is sealed and verified it is marked committed, and from that instant
every later run finishes the same commit: the files get their names, the repository its version, the history what
it was sealed from. There is no third state.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.history import History, SealedVersion
from bundler.home import Home
from bundler.repository.repository import write_metadata
from bundler.repository.staging import Staged
from bundler.seal.left_behind import device_of, remember_left_behind, remove_left_behind
from manifests.disk import durable
from manifests.errors import StorageError, UsageError
from manifests.limits import MIB
from manifests.schemas import strictjson


@dataclass(frozen=True)
class PendingFile:
    """A file on its way to its name; ``device`` is the number of the file system that it is written to."""

    partial: Path
    final: Path
    device: int | None = None

    @classmethod
    def of(cls, final: Path) -> PendingFile:
        """Return the pending file of one that shall be called ``final``."""
        return cls(final.with_name(f".{final.name}.partial"), final, device_of(final.parent))

    @property
    def is_out_of_reach(self) -> bool:
        """Tell whether the medium that it is on was taken out, so that nobody can tell what became of it."""
        return device_of(self.final.parent) is None or (
            self.device is not None and device_of(self.final.parent) != self.device
        )


@dataclass(frozen=True)
class Journal:
    """The files of a run; ``version`` is the one that comes with them, None when one is made again."""

    files: tuple[PendingFile, ...]
    version: int | None
    committed: bool = False

    @classmethod
    def begin(cls, home: Home, files: Sequence[PendingFile], version: int | None) -> Journal:
        """Name the files before they are written.

        Raises:
            UsageError: ``create.exists`` when one of the names is taken.
            StorageError: The disk is full, read-only or failing.
        """
        for directory in {file.final.parent for file in files}:
            remove_left_behind(home, directory)
        return cls((), version).extend(home, files)

    def extend(self, home: Home, files: Sequence[PendingFile]) -> Journal:
        """Name more files before they are written.

        Raises:
            UsageError: ``create.exists`` when one of the names is taken.
            StorageError: The disk is full, read-only or failing.
        """
        for file in files:
            if file.final.exists():
                raise UsageError("create.exists", f"{file.final} is there already", todo="choose another --out")
            with durable.storage_errors(file.partial):
                file.partial.unlink(missing_ok=True)
        journal = replace(self, files=(*self.files, *files))
        journal._save(home)
        return journal

    def commit(self, home: Home, staged: Staged | None = None, sealed: SealedVersion | None = None) -> None:
        """Decide: everything that must happen is durable beside the decision.

        Raises:
            StorageError: The disk is full, read-only or failing; nothing is decided.
        """
        if staged is not None:
            durable.make_directory(home.staged_metadata)
            for name, data in staged.documents:
                durable.write_file(home.staged_metadata / name, data)
        if sealed is not None:
            History(home).stage_sealed(sealed)
        replace(self, committed=True)._save(home)

    def _finish(self, home: Home) -> None:
        remember_left_behind(home, (file.partial for file in self.files if file.is_out_of_reach))
        for file in self.files:
            with durable.storage_errors(file.final):
                if file.partial.exists():
                    durable.replace_file(file.partial, file.final)
        if self.version is not None:
            with durable.storage_errors(home.staged_metadata):
                documents = tuple((path.name, path.read_bytes()) for path in sorted(home.staged_metadata.iterdir()))
            write_metadata(home.metadata, documents)
            History(home).publish_staged(self.version)
        self._forget(home)

    def _abandon(self, home: Home) -> None:
        remember_left_behind(home, (file.partial for file in self.files if file.is_out_of_reach))
        for file in self.files:
            with durable.storage_errors(file.partial):
                file.partial.unlink(missing_ok=True)
        self._forget(home)

    def _forget(self, home: Home) -> None:
        """End the journal; what is staged goes after it, since only a committed journal reads it."""
        with durable.storage_errors(home.journal):
            home.journal.unlink(missing_ok=True)
            durable.fsync_directory(home.journal.parent)
            shutil.rmtree(home.staged_metadata, ignore_errors=True)
        History(home).discard_staged()

    def _save(self, home: Home) -> None:
        value = {
            "files": [
                {"partial": str(file.partial), "final": str(file.final), "device": file.device} for file in self.files
            ],
            "version": self.version,
            "committed": self.committed,
        }
        durable.write_file(home.journal, strictjson.encode_json(value))


def finish_interrupted(home: Home) -> None:
    """Bring a home that a crash left in the middle to the state before or after, never between. Call under its lock.

    Raises:
        StorageError: The disk is full or failing; run it again.
    """
    home.store().sweep()
    History(home).finish_forgetting()
    journal = _load(home)
    if journal is None:
        return
    try:
        if journal.committed:
            journal._finish(home)
        else:
            journal._abandon(home)
    except StorageError as error:
        if error.path is None or error.path in home.path.parents or error.path.is_relative_to(home.path):
            raise
        raise error.reworded(
            todo="an interrupted bundle create left a file there: make it writable, or take the medium away; "
            "then run the command again"
        ) from error


def _load(home: Home) -> Journal | None:
    try:
        data = home.journal.read_bytes()
    except FileNotFoundError:
        return None
    value = strictjson.decode_json(data, name=home.journal.name, max_bytes=16 * MIB)
    files = tuple(
        PendingFile(Path(file["partial"]), Path(file["final"]), file.get("device")) for file in value["files"]
    )
    return Journal(files, value["version"], value["committed"])
