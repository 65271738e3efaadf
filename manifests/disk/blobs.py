"""A content-addressed store: every file is named by the SHA-256 of its bytes and never changes.

A name becomes visible only after its content is durable, so whatever stands under a digest after a
power cut is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType

from manifests.disk.durable import make_directory, removed_on_failure, storage_errors, sync_filesystem
from manifests.disk.hashing import SideHasher
from manifests.errors import NotAuthenticError
from manifests.progress import CancelToken, Progress
from manifests.text import count_text

CHUNK_BYTES = 1024 * 1024
_MODE = 0o444
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Blob:
    """Some bytes, by digest (lower-case hex) and length."""

    sha256: str
    length: int


def is_blob_name(name: str) -> bool:
    """Tell whether a file of a store is called as a blob is: by its SHA-256, lower-case hex."""
    return _DIGEST.fullmatch(name) is not None


class BlobStore:
    """Blobs below one directory: ``<root>/<first two digits>/<sha256>``.

    Args:
        root: The store's directory.
        temporary: A directory on the same file system for content that is not complete yet.
    """

    def __init__(self, root: Path, temporary: Path) -> None:
        self.root = root
        self.temporary = temporary
        self._prefix = f"{root}/"

    def create(self) -> None:
        """Make the store's directories; harmless when they are there."""
        make_directory(self.root)
        make_directory(self.temporary)
        for prefix in range(256):
            with storage_errors(self.root):
                (self.root / f"{prefix:02x}").mkdir(exist_ok=True)
        with storage_errors(self.root):
            sync_filesystem(self.root)

    def path(self, sha256: str) -> Path:
        """Return where the blob with this digest is, or would be."""
        return Path(f"{self._prefix}{sha256[:2]}/{sha256}")  # joining with "/" takes four times as long

    def has_blob(self, blob: Blob) -> bool:
        """Tell whether the blob is here with its length. Its bytes were verified when it came in."""
        try:
            return self.path(blob.sha256).stat().st_size == blob.length
        except FileNotFoundError:
            return False

    def batch(self) -> Batch:
        """Begin adding blobs; nothing is visible until :meth:`Batch.commit`."""
        return Batch(self)

    def read(self, sha256: str) -> Iterator[bytes]:
        """Yield a blob's bytes in order, at most ``CHUNK_BYTES`` at a time."""
        with storage_errors(self.path(sha256)):
            yield from _chunks(self.path(sha256))

    def read_slice(self, sha256: str, offset: int, length: int) -> Iterator[bytes]:
        """Yield so many bytes of a blob from an offset, at most ``CHUNK_BYTES`` at a time; fewer where it ends.

        Raises:
            StorageError: The store cannot be read.
        """
        path = self.path(sha256)
        with storage_errors(path), path.open("rb", buffering=0) as file:
            while length:
                chunk = os.pread(file.fileno(), min(CHUNK_BYTES, length), offset)
                if not chunk:
                    return
                yield chunk
                offset += len(chunk)
                length -= len(chunk)

    def digest(self, sha256: str) -> Blob:
        """Hash the stored bytes again and return what they really are.

        Raises:
            StorageError: ``storage.io`` when the file is missing or unreadable.
        """
        return _hashed(self.read(sha256))

    def adopt(self, path: Path, blob: Blob) -> None:
        """Make a file of the temporary directory a blob: checked, durable, then visible. Its name there goes.

        Args:
            path: The file.
            blob: What it must turn out to be.

        Raises:
            NotAuthenticError: ``blob.digest``; the file is left as it is.
            StorageError: The disk is full, read-only or failing.
        """
        with storage_errors(path):
            found = _hashed(_chunks(path))
            if found != blob:
                raise _mismatch(found, blob)
            sync_filesystem(self.temporary)
            path.chmod(0o444)
            path.replace(self.path(blob.sha256))
            sync_filesystem(self.root)

    def list_blobs(self, cancel: CancelToken | None = None) -> Iterator[Blob]:
        """Yield every blob of the store, by digest; what has no digest for a name is none.

        Args:
            cancel: Asked before each directory.

        Raises:
            StorageError: The store cannot be read.
            CancelledError: It was cancelled.
        """
        with storage_errors(self.root):
            for directory in sorted(self.root.iterdir()):
                if cancel is not None:
                    cancel.raise_if_cancelled()
                for entry in sorted(os.scandir(directory), key=lambda entry: entry.name) if directory.is_dir() else ():
                    if is_blob_name(entry.name) and entry.is_file(follow_symlinks=False):
                        yield Blob(entry.name, entry.stat(follow_symlinks=False).st_size)

    def remove_blobs(self, blobs: Iterable[Blob], progress: Progress, cancel: CancelToken | None = None) -> None:
        """Remove blobs that nothing names any longer: a power cut may leave some, for the next time.

        Args:
            blobs: Which; one that is gone already is passed over.
            progress: Told about each.
            cancel: Asked before each.

        Raises:
            StorageError: The disk is read-only or failing.
            CancelledError: It was cancelled.
        """
        for blob in blobs:
            if cancel is not None:
                cancel.raise_if_cancelled()
            with storage_errors(self.path(blob.sha256)):
                self.path(blob.sha256).unlink(missing_ok=True)
            progress.advance(1)

    def sweep(self) -> None:
        """Remove what interrupted batches left in the temporary directory. Call under the home's lock."""
        with storage_errors(self.temporary):
            for entry in self.temporary.glob("blob-*"):
                entry.unlink()


class Batch:
    """Blobs on their way in. Leaving the block without :meth:`commit` removes them.

    Several threads may add at once; nobody else does anything else meanwhile.
    """

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._pending: dict[str, Path] = {}
        self._prefix = f"{store.temporary}/blob-{secrets.token_hex(8)}-"
        self._numbers = count(1)
        self._idle: list[SideHasher] = []

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hasher in self._idle:
            hasher.__exit__(kind, error, trace)
        for path in self._pending.values():
            with suppress(FileNotFoundError):
                path.unlink()
        self._pending.clear()

    def add(self, chunks: Iterable[bytes], expected: Blob | None = None) -> Blob:
        """Write one blob while hashing it.

        Args:
            chunks: The bytes, in order; consumed once.
            expected: What it must turn out to be; ``None`` takes what comes.

        Returns:
            The blob's digest and length.

        Raises:
            NotAuthenticError: ``blob.digest`` when the bytes are not ``expected``.
            StorageError: The disk is full, read-only or failing.
        """
        path = Path(f"{self._prefix}{next(self._numbers)}")
        with removed_on_failure(path), storage_errors(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            try:
                blob = self._write(descriptor, chunks)
            finally:
                os.close(descriptor)
            if expected is not None and blob != expected:
                raise _mismatch(blob, expected)
        if self._store.has_blob(blob) or self._pending.setdefault(blob.sha256, path) is not path:
            path.unlink()
        return blob

    def take(self, path: Path, blob: Blob) -> None:
        """Add a file that was hashed already, without writing it again where the file system can link.

        Args:
            path: The file; its name stays, and nobody writes to it any more.
            blob: What it is.

        Raises:
            StorageError: The disk is full, read-only or failing.
            NotAuthenticError: ``blob.digest`` when it had to be copied and is something else.
        """
        if blob.sha256 in self._pending or self._store.has_blob(blob):
            return
        linked = Path(f"{self._prefix}{next(self._numbers)}")
        try:
            path.chmod(_MODE)
            linked.hardlink_to(path)
        except OSError:  # another file system, or one without links
            self.add(_chunks(path), blob)
            return
        if self._pending.setdefault(blob.sha256, linked) is not linked:
            linked.unlink()

    def path(self, blob: Blob) -> Path:
        """Return where a blob of this batch or of the store is."""
        return self._pending.get(blob.sha256) or self._store.path(blob.sha256)

    def _write(self, descriptor: int, chunks: Iterable[bytes]) -> Blob:
        """Write and hash; the file has its last mode before it has a name that anybody asks for."""
        try:
            hasher = self._idle.pop()  # each thread that adds has one of its own
        except IndexError:
            hasher = SideHasher()
        try:
            hasher.begin()
            for chunk in chunks:
                hasher.update(chunk)
                written = os.write(descriptor, chunk)
                while written < len(chunk):
                    written += os.write(descriptor, memoryview(chunk)[written:])
            os.fchmod(descriptor, _MODE)
            return Blob(hasher.hexdigest(), hasher.length)
        finally:
            self._idle.append(hasher)

    def commit(self) -> None:
        """Make every added blob durable, then visible, then its name durable.

        Raises:
            StorageError: The disk is full, read-only or failing; names that became visible are whole.
        """
        if not self._pending:
            return
        with storage_errors(self._store.root):
            sync_filesystem(self._store.temporary)
            for sha256, path in self._pending.items():
                path.rename(self._store.path(sha256))
            self._pending.clear()
            sync_filesystem(self._store.root)


def check_blob(chunks: Iterable[bytes], expected: Blob) -> None:
    """Hash content that nobody keeps.

    Raises:
        NotAuthenticError: ``blob.digest`` when it is not ``expected``.
    """
    found = _hashed(chunks)
    if found != expected:
        raise _mismatch(found, expected)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _hashed(chunks: Iterable[bytes]) -> Blob:
    hasher, length = hashlib.sha256(), 0
    for chunk in chunks:
        hasher.update(chunk)
        length += len(chunk)
    return Blob(hasher.hexdigest(), length)


def _mismatch(found: Blob, expected: Blob) -> NotAuthenticError:
    return NotAuthenticError(
        "blob.digest",
        "Content does not match its signed digest",
        have=f"{count_text(found.length, 'byte')}, sha256 {found.sha256}",
        need=f"{count_text(expected.length, 'byte')}, sha256 {expected.sha256}",
    )


__all__ = ["CHUNK_BYTES", "Batch", "Blob", "BlobStore", "check_blob"]
