"""A mirror in a directory of this machine, as cvdupdate and freshclam keep one: read as an upstream is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bundler.fetch.errors import GONE, GoneError
from bundler.fetch.fetcher import FetchedFile, WantedFile
from bundler.fetch.local_files import (
    Fingerprint,
    open_settled,
    read_errors,
    require_regular,
    settled_chunks,
    taken_for_changes,
)
from bundler.sources.base import Workbench
from manifests.errors import FetchError
from manifests.text import count_text

_TODO = "replace it by a file, or name the directory in which the files are"


@dataclass(frozen=True)
class LocalFiles:
    """Files of one directory, found by the last part of their address; nothing below it, and no link.

    Args:
        source: The source's name, for errors.
        path: The directory.
        bench: The source's.
    """

    source: str
    path: Path
    bench: Workbench

    def mark(self, name: str) -> Fingerprint | None:
        """Return what tells this state of a file from another; ``None`` when there is no such file.

        Raises:
            FetchError: ``directory.link``, ``.special``, ``.missing`` (of the directory) or ``.unreadable``.
        """
        with read_errors(self.path):
            names = {file.name for file in self.path.iterdir()}
        if name not in names:
            return None
        file = self.path / name
        with read_errors(file), taken_for_changes(file):
            status = file.stat(follow_symlinks=False)
        require_regular(self.source, file, status.st_mode, _TODO)
        return Fingerprint.of(status)

    def head_bytes(self, url: str, count: int) -> bytes:
        """Return the first bytes of a file.

        Raises:
            GoneError: There is none.
            FetchError: As :meth:`mark`.
        """
        name = _name_of(url)
        with open_settled(self.path / name, self._require(name)) as file, read_errors(self.path / name):
            return file.read(count)

    def get(self, wanted: WantedFile) -> FetchedFile:
        """Bring one file into the batch.

        Raises:
            GoneError: There is none.
            FetchError: As :meth:`mark`; ``directory.too-large`` above the ceiling that is wanted.
        """
        name = _name_of(wanted.url)
        mark = self._require(name)
        if wanted.max_bytes is not None and mark.length > wanted.max_bytes:
            raise FetchError(
                "directory.too-large",
                f"Source {self.source!r}: {str(self.path / name)!r} is too large",
                have=count_text(mark.length, "byte"),
                need=f"at most {count_text(wanted.max_bytes, 'byte')}",
            )
        self.bench.progress.start(f"reading {self.path / name}", mark.length)
        with open_settled(self.path / name, mark) as file:
            blob = self.bench.batch.add(settled_chunks(self.path / name, file, mark, self.bench.progress))
        modified = datetime.fromtimestamp(mark.modified_ns // 1_000_000_000, UTC)
        return FetchedFile(wanted.path, blob, self.bench.remembered(wanted.path) == blob, modified)

    def get_or_none(self, wanted: WantedFile) -> FetchedFile | None:
        """Bring one file into the batch, or return ``None`` when there is none.

        Raises:
            FetchError: As :meth:`get`.
        """
        try:
            return self.get(wanted)
        except GoneError:
            return None

    def document_or_none(self, url: str, *, max_bytes: int) -> bytes | None:
        """Return a small file whole in memory, or ``None`` when there is none.

        Raises:
            FetchError: As :meth:`get`.
        """
        found = self.get_or_none(WantedFile(url, _name_of(url), max_bytes=max_bytes))
        return None if found is None else b"".join(self.bench.read(found.blob))

    def marks(self, prefixes: Iterable[str]) -> dict[str, Fingerprint]:
        """Return the fingerprints of all regular files whose names begin so; what else is there is skipped.

        Raises:
            ChangedError: A file went away meanwhile.
            FetchError: As :meth:`mark`.
        """
        begins = tuple(prefixes)
        found: dict[str, Fingerprint] = {}
        with read_errors(self.path), os.scandir(self.path) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(begins))
        for name in names:
            with read_errors(self.path / name), taken_for_changes(self.path / name):
                found[name] = Fingerprint.of((self.path / name).stat(follow_symlinks=False))
        return found

    def _require(self, name: str) -> Fingerprint:
        mark = self.mark(name)
        if mark is None:
            raise GoneError(
                "directory.missing", f"Source {self.source!r}: there is no {name} in {self.path}", status=min(GONE)
            )
        return mark


def _name_of(url: str) -> str:
    return url.rpartition("/")[2]
