"""Source ``directory``: every regular file below a directory, as one consistent state."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from bundler.fetch.local_files import (
    Fingerprint,
    open_settled,
    read_errors,
    read_settled,
    refusing_changes,
    require_regular,
    settled_chunks,
    settled_fingerprints,
    taken_for_changes,
)
from bundler.sources.base import (
    NOT_VERIFIED,
    CheckedTarget,
    Pull,
    PulledTarget,
    SourceCheck,
    TargetState,
    Workbench,
    state_of,
)
from bundler.sources.paths import absolute_path, require_target_path
from manifests.disk.blobs import Blob
from manifests.errors import FetchError


@dataclass(frozen=True)
class DirectoryListing:
    """What stands below the directory: target path to fingerprint, and what was passed over."""

    files: Mapping[str, Fingerprint]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class DirectorySource:
    """Carry every regular file below ``path`` under its path relative to it.

    Args:
        path: An absolute directory.
        skip_links: Pass over links and special files instead of refusing them.
        allow_empty: An empty directory is no error, whatever the source's table says; by itself it looks like a file
            system that is not mounted.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = frozenset()
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "skip_links": {"type": "boolean"},
        },
    }

    name: str
    path: Path
    skip_links: bool = False
    allow_empty: bool = False

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.path`` unless the path is absolute.
        """
        return cls(
            name,
            absolute_path(name, options["path"]),
            options.get("skip_links", False),
        )

    def pull(self, bench: Workbench) -> Pull:
        """Read every file that changed since the last good pull.

        Raises:
            FetchError: ``directory.missing``, ``.unreadable``, ``.empty``, ``.name``, ``.link``, ``.special`` or
                ``.changing`` when it changes during every whole reading.
        """
        listing, targets = read_settled(
            self.name, self.path, lambda: self._find(bench), lambda listing: self._read_all(bench, listing)
        )
        return Pull(
            targets=targets,
            verification=NOT_VERIFIED + _passed_over(listing),
            memo={"files": settled_fingerprints(listing.files, bench.clock())},
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """List the files and say which of them are new, without reading them.

        Raises:
            FetchError: As :meth:`pull`.
        """
        with refusing_changes(self.name):
            listing = self._find(bench)
        known = bench.memo("files")
        targets = tuple(
            CheckedTarget(
                path, mark.length, state_of(unchanged=known.get(path) == str(mark), otherwise=TargetState.TO_READ)
            )
            for path, mark in sorted(listing.files.items())
        )
        return SourceCheck(targets, f"{self.path} can be read{_passed_over(listing)}")

    def _read_all(self, bench: Workbench, listing: DirectoryListing) -> tuple[PulledTarget, ...]:
        """Read what changed; take over what did not."""
        marks = bench.memo("files")
        known = {path: bench.remembered(path) for path, mark in listing.files.items() if marks.get(path) == str(mark)}
        to_read = sum(mark.length for path, mark in listing.files.items() if known.get(path) is None)
        bench.progress.start(f"reading {self.path}", to_read)
        return tuple(
            PulledTarget(path, known.get(path) or self._read(bench, path, mark))
            for path, mark in sorted(listing.files.items())
        )

    def _read(self, bench: Workbench, path: str, mark: Fingerprint) -> Blob:
        with open_settled(self.path / path, mark) as file:
            return bench.batch.add(settled_chunks(self.path / path, file, mark, bench.progress))

    def _find(self, bench: Workbench) -> DirectoryListing:
        files: dict[str, Fingerprint] = {}
        skipped: list[str] = []
        with read_errors(self.path):
            root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for path, status in _walk(root, self.path, ""):
                if not bench.globs.takes(path):
                    continue
                if self._regular(path, status):
                    files[
                        require_target_path(
                            self.name,
                            path,
                            what=f"the file {path!r}",
                            code="directory.name",
                            todo="rename or exclude it",
                        )
                    ] = Fingerprint.of(status)
                else:
                    skipped.append(path)
        finally:
            os.close(root)
        if not files and not (self.allow_empty or bench.allow_empty):
            raise FetchError(
                "directory.empty",
                f"Source {self.name!r}: there is no file to carry in {self.path}",
                todo="mount or fill it, or write allow_empty = true",
            )
        return DirectoryListing(files, tuple(sorted(skipped)))

    def _regular(self, path: str, status: os.stat_result) -> bool:
        if not stat.S_ISREG(status.st_mode) and self.skip_links:
            return False
        todo = "replace it by a file, exclude it, or write skip_links = true"
        require_regular(self.name, self.path / path, status.st_mode, todo)
        return True


def _walk(directory: int, at: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything but directories below an open directory, never following a link.

    Raises:
        ChangedError: An entry went away meanwhile.
        FetchError: ``directory.unreadable``.
    """
    with read_errors(at), os.scandir(directory) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        with read_errors(at / name), taken_for_changes(at / name):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            yield prefix + name, status
            continue
        with read_errors(at / name), taken_for_changes(at / name):
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            yield from _walk(inner, at / name, f"{prefix}{name}/")
        finally:
            os.close(inner)


def _passed_over(listing: DirectoryListing) -> str:
    count = len(listing.skipped)
    return f"; {count} links or special files passed over (first: {listing.skipped[0]!r})" if count else ""
