"""What a source is: something with a name and a kind that yields files from one configured upstream.

A source gets a :class:`Workbench` (where content goes, what the last good pull gave, the time) and
returns a :class:`Pull`. Target paths here are without the source's name; :mod:`bundler.pull.pull` adds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol, Self, TypeAlias

from bundler.sources.globs import EVERY_PATH, GlobSet
from bundler.sources.own_files import NO_OWN_FILES, OwnFiles
from bundler.sources.versions import Floor, Version, check_not_older
from manifests.clock import Clock
from manifests.disk.blobs import CHUNK_BYTES, Batch, Blob, BlobStore
from manifests.disk.durable import storage_errors
from manifests.manifest import TargetFacts
from manifests.progress import Progress

JSON: TypeAlias = "str | int | bool | Sequence[JSON] | Mapping[str, JSON] | None"

NOT_VERIFIED = "carried, not verified"
"""What the manifest says where the upstream signs nothing that we can check."""


@dataclass(frozen=True)
class PulledTarget:
    """One file of a source: its path without the source's name, and its content in the store."""

    path: str
    blob: Blob


@dataclass(frozen=True)
class Pull:
    """All that a source yields now.

    Args:
        targets: Sorted by path.
        verification: What was checked of the upstream's own signatures and checksums.
        items: What is known of the inside of targets; paths as in ``targets``.
        memo: What the next pull wants to remember, such as validators for conditional requests. It goes with the
            pull; what has to outlive a change of the configuration belongs into ``floor``.
        version: The upstream's own version of all this, for people; ``None`` where it has none.
        floor: The versions that came, which the upstream must not go back behind. They are remembered apart from the
            pull: a thing that does not come any more keeps its floor.
        afterwards: What to do once the content and the record of the pull are durable, such as removing an original.
    """

    targets: tuple[PulledTarget, ...]
    verification: str
    items: tuple[TargetFacts, ...] = ()
    memo: Mapping[str, JSON] = field(default_factory=dict)
    version: str | None = None
    floor: Floor = field(default_factory=dict)
    afterwards: Callable[[], None] | None = None


@dataclass(frozen=True)
class Workbench:
    """What a source works with.

    Args:
        store: The content that is here already.
        batch: Where new content goes; it becomes visible after the whole source succeeded.
        clock: Tells the time.
        progress: Told about every byte read.
        pause: Waits so many seconds; a parameter, because an upstream may ask us to wait.
        previous: The last good pull with the same configuration.
        globs: Which paths will be carried. What they do not take is dropped after the pull, whatever the kind; a
            kind asks them itself to save the work, or where files only make sense together.
        allow_older: Whether a version below the floor is accepted.
        allow_empty: Whether a source may have nothing, or nothing any more.
        floor: What the upstream must not go back behind; see :meth:`check_not_older`.
        own: Files and directories of ours that no source of local files may carry.
    """

    store: BlobStore
    batch: Batch
    clock: Clock
    progress: Progress
    pause: Callable[[float], None]
    previous: Pull | None = None
    globs: GlobSet = EVERY_PATH
    allow_older: bool = False
    allow_empty: bool = False
    floor: Floor = field(default_factory=dict)
    own: OwnFiles = NO_OWN_FILES

    def remembered(self, path: str) -> Blob | None:
        """Return what the last good pull gave for ``path``, if its content is still in the store."""
        blob = self._known.get(path)
        return blob if blob is not None and self.store.has_blob(blob) else None

    @property
    def fetching(self) -> Path:
        """What outlives a run: interrupted downloads, and who asked to be left alone. Beside the blobs."""
        return self.store.root.parent / "fetching"

    def read(self, blob: Blob) -> Iterator[bytes]:
        """Yield the bytes of a blob of this pull or of the store.

        Raises:
            StorageError: ``storage.io`` when it is missing or unreadable.
        """
        path = self.batch.path(blob)
        with storage_errors(path), path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def open(self, blob: Blob) -> BinaryIO:
        """Open a blob of this pull or of the store for reading; it can be sought in.

        Raises:
            StorageError: ``storage.io`` when it is missing or unreadable.
        """
        path = self.batch.path(blob)
        with storage_errors(path):
            return path.open("rb")

    @cached_property
    def _known(self) -> Mapping[str, Blob]:
        return {target.path: target.blob for target in self.previous.targets} if self.previous else {}

    def memo(self, key: str) -> Mapping[str, JSON]:
        """Return one table of the last good pull's memo, empty when there is none."""
        value = self.previous.memo.get(key) if self.previous else None
        return value if isinstance(value, Mapping) else {}

    def targets_as_last_time(self) -> tuple[CheckedTarget, ...]:
        """Return what the last good pull gave, for a source that cannot say what the next one will."""
        last = self.previous.targets if self.previous else ()
        return tuple(CheckedTarget(one.path, one.blob.length, TargetState.AS_LAST_TIME) for one in last)

    def check_not_older(self, source: str, thing: str, new: Version, *, what: str = "its upstream") -> None:
        """Refuse a version of a thing that is below the thing's floor.

        Args:
            source: The source's name.
            thing: As in :attr:`Pull.floor`.
            new: What the upstream has now.
            what: What went back, for people.

        Raises:
            RollbackError: ``source.older``.
        """
        check_not_older(source, new, self.floor.get(thing), self.allow_older, what=what)


class TargetState(StrEnum):
    """What a pull would do about one target."""

    UNCHANGED = "unchanged"
    AS_LAST_TIME = "as last time"
    """Nobody can know before the pull."""
    TO_FETCH = "to fetch"
    TO_READ = "to read"
    TO_EXPORT = "to export"

    @property
    def is_new(self) -> bool:
        """Whether it is known that a pull would bring something else than the last good one."""
        return self not in {TargetState.UNCHANGED, TargetState.AS_LAST_TIME}


def state_of(*, unchanged: bool, otherwise: TargetState = TargetState.TO_FETCH) -> TargetState:
    """Return what a pull would do about a target."""
    return TargetState.UNCHANGED if unchanged else otherwise


@dataclass(frozen=True)
class CheckedTarget:
    """What a pull would yield for one path. ``length`` in bytes, ``None`` when the upstream does not say."""

    path: str
    length: int | None
    state: TargetState


@dataclass(frozen=True)
class SourceCheck:
    """The answer of an upstream that is reachable. ``version`` is its own, where it has one."""

    targets: tuple[CheckedTarget, ...]
    note: str
    version: str | None = None


class Source(Protocol):
    """One configured upstream.

    A kind is a class in a file of its own, registered in :data:`bundler.kinds.KINDS`.
    """

    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]]
    """JSON Schema of the kind's own keys in ``[[source]]``, without ``name``, ``kind`` and the common ones."""
    TRANSPORT_OPTIONS: ClassVar[frozenset[str]]
    """Keys that say how to fetch, not what: changing one does not void the last good pull."""

    @property
    def name(self) -> str:
        """The source's name, the first part of the path of all it yields."""

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from options that fit the schema.

        Raises:
            ConfigurationError: The options contradict each other.
        """

    def pull(self, bench: Workbench) -> Pull:
        """Yield everything the upstream has now, whole or not at all.

        Raises:
            FetchError: The upstream is unreachable, or gave something that is not what was asked for.
            MalformedError: Content breaks its format.
        """

    def check(self, bench: Workbench) -> SourceCheck:
        """Say whether the upstream is reachable and what a pull would yield; store nothing.

        Raises:
            FetchError: As :meth:`pull`.
        """
