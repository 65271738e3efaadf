"""An ordinary TUF client: the verify workflow over any transport, what it trusts kept in a directory.

For a relay behind a relay, and for comparing our workflow with other clients'. It shares the workflow
with bundle import and nothing else: its own process, clock and directory. The requests it makes are
those of a normal client: the next root until there is none, the timestamp, and then only what changed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from manifests.disk import durable
from manifests.disk.durable import storage_errors
from manifests.errors import ConfigurationError, NotAuthenticError
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.text import count_text
from manifests.trust import Workflow, find_target, refresh_top_roles, update_roots
from manifests.trust.directory import MetadataDirectory, target_url, with_slash

_MAX_NAME_BYTES = 200
"""Room for a temporary suffix below the 255 bytes that file systems give a name."""


class TufTransport(Protocol):
    """What fetches bytes for the client."""

    def get(self, url: str, max_bytes: int) -> bytes | None:
        """Return a small file's bytes, ``None`` when it is not there; refuse what is longer than the ceiling."""

    def stream(self, url: str, max_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes in order; refuse what is longer than the ceiling."""


class TufClient:
    """One run against one repository. Use within :func:`open_tuf_client`.

    Args:
        workflow: The run's workflow.
        transport: What fetches.
        metadata_url: Base URL of the metadata.
    """

    def __init__(self, workflow: Workflow, transport: TufTransport, metadata_url: str) -> None:
        self._workflow = workflow
        self._transport = transport
        self._metadata_url = with_slash(metadata_url)

    def refresh_metadata(self) -> None:
        """Bring the top-level roles up to date.

        Raises:
            SealiftError: Whatever the workflow or the transport refuses.
        """
        update_roots(self._workflow, self._read)
        self._workflow.finish_roots()
        refresh_top_roles(self._workflow, self._read)

    def download_target(self, path: str, directory: Path, base_url: str) -> Path:
        """Download one target into a directory, unless the very content is there. After :meth:`refresh_metadata`.

        Args:
            path: The target's path.
            directory: Where to put it, under its quoted path.
            base_url: Base URL of the targets.

        Returns:
            The file, which holds the signed content.

        Raises:
            IncompleteError: ``tuf.no-such-target``.
            NotAuthenticError: ``tuf-client.target``: other content than the signed one; nothing is kept.
            SealiftError: Whatever the workflow or the transport refuses.
        """
        target = find_target(self._workflow, self._read, path)
        file = directory / target_file_name(path)
        if not _holds(file, target):
            url = with_slash(base_url) + target_url(target, consistent=bool(self._workflow.root.consistent_snapshot))
            durable.make_directory(directory)
            _store(file, target, self._transport.stream(url, target.length))
        return file

    def _read(self, name: str, max_bytes: int) -> bytes | None:
        return self._transport.get(self._metadata_url + name, max_bytes)


@contextmanager
def open_tuf_client(
    directory: MetadataDirectory,
    transport: TufTransport,
    metadata_url: str,
    now: datetime,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[TufClient]:
    """Open a TUF client for one run; what it came to trust is kept even when a later step is refused.

    Keeping a step's result before the next step succeeds is what TUF asks of a client (5.3.8, 5.4.5,
    5.5.7, 5.6.6): it never forgets a version it has seen.

    Raises:
        ConfigurationError: ``tuf-client.no-root``.
        StorageError: The directory cannot be read or written.
    """
    if not directory.path.is_dir():
        raise ConfigurationError("tuf-client.no-root", f"{directory.path} is not a directory", todo="run init first")
    with directory.lock():
        before = directory.load()
        workflow = Workflow(before, now, limits, require_extension=False)
        try:
            yield TufClient(workflow, transport, metadata_url)
        finally:
            directory.save(before, workflow.state)


def target_file_name(path: str) -> str:
    """Return the file name for a target: its quoted path, cut and given a digest where it is too long."""
    name = quote(path, safe="")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if len(name) <= _MAX_NAME_BYTES:
        return name
    return f"{name[: _MAX_NAME_BYTES - 65]}~{hashlib.sha256(path.encode('utf-8')).hexdigest()}"


def _holds(file: Path, target: TargetFile) -> bool:
    try:
        with file.open("rb") as content:
            target.verify_length_and_hashes(content)
    except (OSError, LengthOrHashMismatchError):
        return False
    return True


def _store(file: Path, target: TargetFile, chunks: Iterable[bytes]) -> None:
    """Write a target beside its place, check it there, and only then rename it into place."""
    temporary = file.with_name(f".{secrets.token_hex(8)}.part")
    with storage_errors(file), durable.removed_on_failure(temporary):
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w+b") as content:
            for chunk in chunks:
                content.write(chunk)
            content.flush()
            try:
                target.verify_length_and_hashes(content)
            except LengthOrHashMismatchError as error:
                raise NotAuthenticError(
                    "tuf-client.target",
                    f"What the server gave for {target.path!r} is not the signed content",
                    need=f"{count_text(target.length, 'byte')} with the signed digest",
                ) from error
            os.fsync(content.fileno())
        durable.replace_file(temporary, file)
