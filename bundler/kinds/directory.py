"""Source ``directory``: every regular file below a directory, as one consistent state."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
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
)
from bundler.fetch.local_tree import TreeEntry, walk_tree
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
from bundler.sources.own_files import refuse_home, refuse_own_content
from bundler.sources.paths import absolute_path, require_target_path
from bundler.sources.private_files import is_bare_repository, is_private
from manifests.disk.blobs import Blob
from manifests.errors import FetchError
from manifests.text import count_text

_SPOKEN_OF = 3


@dataclass(frozen=True)
class DirectoryListing:
    """What stands below the directory: target path to fingerprint, and what was passed over.

    Args:
        files: What is carried.
        skipped: Links and special files.
        private: Version control, what editors leave, secrets; a directory ends in a slash.
    """

    files: Mapping[str, Fingerprint]
    skipped: tuple[str, ...]
    private: tuple[str, ...]


@dataclass(frozen=True)
class DirectorySource:
    """Carry every regular file below ``path`` under its path relative to it.

    Args:
        path: An absolute directory.
        skip_links: Pass over links and special files instead of refusing them.
        skip_private: Pass over version control, what editors leave and secrets, and say so.
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
            "skip_private": {"type": "boolean"},
        },
    }

    name: str
    path: Path
    skip_links: bool = False
    skip_private: bool = True
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
            options.get("skip_private", True),
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
            with read_errors(self.path / path):
                refuse_own_content(self.name, path, self.path / path, file)
            return bench.batch.add(settled_chunks(self.path / path, file, mark, bench.progress))

    def _find(self, bench: Workbench) -> DirectoryListing:
        files: dict[str, Fingerprint] = {}
        skipped: list[str] = []
        private: list[str] = []
        for entry in walk_tree(self.path, lambda path: self._enters(bench, path, private)):
            if entry.is_directory:
                bench.own.refuse_directory(self.name, entry.path, entry.at, entry.status, bench.globs)
            elif not bench.globs.takes(entry.path):
                continue
            elif self.skip_private and is_private(entry.at.name):
                private.append(entry.path)
            elif self._regular(entry.path, entry.status):
                files[self._carried_as(bench, entry)] = Fingerprint.of(entry.status)
            else:
                skipped.append(entry.path)
        if not files and not (self.allow_empty or bench.allow_empty):
            raise FetchError(
                "directory.empty",
                f"Source {self.name!r}: there is no file to carry in {self.path}",
                todo="mount or fill it, or write allow_empty = true",
            )
        return DirectoryListing(files, tuple(sorted(skipped)), tuple(sorted(private)))

    def _enters(self, bench: Workbench, path: str, private: list[str]) -> bool:
        """Tell whether a directory is entered; note one that is not because it is private."""
        if not bench.globs.may_take_below(path):
            return False
        place = self.path / path
        if self.skip_private and (is_private(place.name) or is_bare_repository(place)):
            private.append(f"{path}/")
            return False
        return True

    def _carried_as(self, bench: Workbench, entry: TreeEntry) -> str:
        """Return the target path of a file, unless it is one of ours or cannot be carried under its name."""
        if entry.home is not None:
            refuse_home(self.name, entry.home.path, entry.home.at, entry.home.kind)
        bench.own.refuse_file(self.name, entry.path, entry.at, entry.status)
        what = f"the file {entry.path!r}"
        return require_target_path(self.name, entry.path, what=what, code="directory.name", todo="rename or exclude it")

    def _regular(self, path: str, status: os.stat_result) -> bool:
        if not stat.S_ISREG(status.st_mode) and self.skip_links:
            return False
        todo = "replace it by a file, exclude it, or write skip_links = true"
        require_regular(self.name, self.path / path, status.st_mode, todo)
        return True


def _passed_over(listing: DirectoryListing) -> str:
    links, private = listing.skipped, listing.private
    said = ""
    if links:
        skipped = count_text(len(links), "link or special file", "links or special files")
        said += f"; skipped {skipped} (first: {links[0]!r})"
    if private:
        count = count_text(len(private), "private file or directory", "private files or directories")
        shown = ", ".join(map(repr, private[:_SPOKEN_OF])) + (", …" if len(private) > _SPOKEN_OF else "")
        said += f"; skipped {count} ({shown})"
    return said
