"""Downloads that outlive an interrupted run: what came so far, and what it is a part of.

``<home>/fetching/partial/<source>/<key>.data`` with ``<key>.json`` beside it. A file that came whole waits here
too until the source's whole pull is good. Nothing is synced: what an earlier boot left is believed only if it was
whole, and only after it was hashed again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

from bundler.fetch.answer import Answer, GivenValidators
from manifests import clock as times
from manifests.clock import Clock
from manifests.disk.blobs import CHUNK_BYTES, Blob
from manifests.disk.durable import make_directory, storage_errors
from manifests.errors import MalformedError
from manifests.schemas import strictjson

KEPT = timedelta(days=14)
"""What nobody came back for in this time is removed."""
_MAX_NOTE_BYTES = 64 * 1024


@dataclass(frozen=True)
class DownloadNote:
    """What is known of a download: whose validators it came with, in which boot, when, and how long it will be."""

    etag: str | None
    last_modified: str | None
    strong: str | None
    boot: str
    kept_at: str
    total: int | None
    sha256: str | None = None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read a note.

        Raises:
            TypeError: It is none.
            MalformedError: ``time.format``.
        """
        note = cls(**value)
        texts = (note.etag, note.last_modified, note.strong, note.sha256)
        times.parse_instant(note.kept_at)
        if not all(text is None or isinstance(text, str) for text in texts) or not isinstance(note.total, int | None):
            raise TypeError("not a note")
        return note


@dataclass(frozen=True)
class PartialDownload:
    """One download, as far as it came. ``blob`` is set when it came whole; then its bytes were just hashed.

    Args:
        data: The file.
        length: Bytes that are here.
        validators: What it came with.
        total: How long it will be, if that was said.
        blob: What it is.
    """

    data: Path
    length: int
    validators: GivenValidators
    total: int | None = None
    blob: Blob | None = None

    def read(self) -> Iterator[bytes]:
        """Yield the bytes that are here."""
        return file_chunks(self.data)

    @property
    def resumable(self) -> bool:
        """Whether the rest can be asked for."""
        return self.blob is None and self.length > 0 and self.validators.strong is not None


class PartialDownloads:
    """The downloads of one source. Different paths may be worked on by different threads."""

    def __init__(self, fetching: Path, source: str, clock: Clock) -> None:
        self._directory = _place(fetching) / source
        self._clock = clock

    def find(self, path: str, url: str) -> PartialDownload | None:
        """Return what is here of a file; what cannot be believed is removed.

        Raises:
            StorageError: The disk is failing.
        """
        data, note = self._files(path, url)
        with storage_errors(data):
            try:
                known = _read_note(note)
                status = data.stat()
            except FileNotFoundError:
                return None
            found = None if known is None else _believed(data, known, status)
            if found is None:
                self.drop(path, url)
            return found

    def receive(
        self, path: str, url: str, answer: Answer, chunks: Iterable[bytes], begun: PartialDownload | None
    ) -> tuple[Path, Blob]:
        """Write a body down as it comes.

        Args:
            path: The target path.
            url: Where it comes from.
            answer: Whose body it is; one that begins inside the file continues ``begun``.
            chunks: The body.
            begun: What is here already.

        Returns:
            The file, to which nobody writes again, and what it is.

        Raises:
            FetchError: The body broke off or was refused; what came is kept.
            StorageError: The disk is full, read-only or failing.
        """
        data, note = self._files(path, url)
        resumed = answer.start > 0 and begun is not None
        given = begun.validators if resumed and begun else answer.validators
        said = DownloadNote(
            given.etag, given.last_modified, given.strong, boot_id(), times.instant_text(self._clock()), answer.total
        )
        make_directory(self._directory)
        with storage_errors(data):
            if not resumed:
                data.unlink(missing_ok=True)
            _write_note(note, said)
            hasher, length = hashlib.sha256(), 0
            for chunk in file_chunks(data) if resumed else ():
                hasher.update(chunk)
                length += len(chunk)
            with data.open("ab", buffering=0) as file:
                for chunk in chunks:
                    hasher.update(chunk)
                    length += len(chunk)
                    _write(file.fileno(), chunk)
            blob = Blob(hasher.hexdigest(), length)
            _write_note(note, replace(said, sha256=blob.sha256, total=length))
        return data, blob

    def drop(self, path: str, url: str) -> None:
        """Remove what is here of a download."""
        for file in self._files(path, url):
            with storage_errors(file):
                file.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove downloads that are too old to come back for, and those whose origin nobody knows."""
        oldest = self._clock() - KEPT
        with storage_errors(self._directory), suppress(FileNotFoundError):
            for data in list(self._directory.glob("*.data")):
                path = data.with_suffix(".json")
                note = _read_note(path) if path.exists() else None
                if note is None or times.parse_instant(note.kept_at) < oldest:
                    data.unlink()
                    path.unlink(missing_ok=True)

    def _files(self, path: str, url: str) -> tuple[Path, Path]:
        key = hashlib.sha256(f"{path}\0{url}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return self._directory / f"{key}.data", self._directory / f"{key}.json"


def forget_downloads(fetching: Path, source: str) -> None:
    """Remove all downloads of a source: its pull was good, its content is in the store."""
    with storage_errors(fetching), suppress(FileNotFoundError):
        shutil.rmtree(_place(fetching) / source)


def sweep_downloads(fetching: Path, sources: Collection[str]) -> None:
    """Remove the downloads of sources that are configured no longer. Call under the home's lock."""
    with storage_errors(fetching), suppress(FileNotFoundError):
        for entry in list(_place(fetching).iterdir()):
            if entry.name not in sources:
                shutil.rmtree(entry)


def _place(fetching: Path) -> Path:
    return fetching / "partial"


def _believed(data: Path, note: DownloadNote, status: os.stat_result) -> PartialDownload | None:
    """Return a download that is what its note says; ``None`` when that cannot be known."""
    validators = GivenValidators(note.etag, note.last_modified, note.strong)
    if note.sha256 is not None or status.st_size == note.total:
        blob = _hashed(data)
        if (note.sha256 or blob.sha256) != blob.sha256 or (note.sha256 is None and note.boot != boot_id()):
            return None
        return PartialDownload(data, blob.length, validators, blob.length, blob)
    if note.boot != boot_id() or status.st_nlink != 1 or (note.total is not None and status.st_size > note.total):
        return None
    return PartialDownload(data, status.st_size, validators, note.total)


@cache
def boot_id() -> str:
    """Return what tells this boot of the machine from others; something new where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return os.urandom(16).hex()


def _read_note(path: Path) -> DownloadNote | None:
    with path.open("rb") as file:
        data = file.read(_MAX_NOTE_BYTES + 1)
    try:
        return DownloadNote.from_json(strictjson.decode_json(data, name=path.name, max_bytes=_MAX_NOTE_BYTES))
    except (MalformedError, TypeError):
        return None


def _write_note(path: Path, note: DownloadNote) -> None:
    """Replace a note at once; not durably, since a lost one costs a download at most."""
    beside = path.with_suffix(".new")
    beside.write_bytes(strictjson.encode_json(asdict(note)))
    beside.replace(path)


def _write(descriptor: int, chunk: bytes) -> None:
    written = os.write(descriptor, chunk)
    while written < len(chunk):
        written += os.write(descriptor, memoryview(chunk)[written:])


def _hashed(path: Path) -> Blob:
    hasher, length = hashlib.sha256(), 0
    for chunk in file_chunks(path):
        hasher.update(chunk)
        length += len(chunk)
    return Blob(hasher.hexdigest(), length)


def file_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in order."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
