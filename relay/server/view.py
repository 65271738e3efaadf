"""What the server answers from: one immutable picture of the state, switched at once.

A request takes one :class:`View` and answers from it alone, so no response mixes two generations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from time import monotonic
from types import MappingProxyType

from manifests.disk.blobs import Blob
from relay.config import Config
from relay.home import Home
from relay.rings.mounting import choose_mounted_source
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.state.last_refusal import load_last_refusal, stamp_last_refusal
from relay.status.facts import Status
from relay.status.read import read_status


@dataclass(frozen=True)
class PublishedFile:
    """One file of a ring. ``modified_at`` is when this relay published the path, in whole seconds."""

    path: str
    sha256: str
    length: int
    modified_at: datetime


@dataclass(frozen=True)
class Publication:
    """What one ring serves: ``files`` by full target path, such as ``clamav/daily.cvd``.

    ``mounted`` is the source whose files are served at the root too; ``published_until`` grows with every move.
    """

    ring: str
    generation: int
    created: datetime
    files: Mapping[str, PublishedFile]
    mounted: str | None = None
    published_until: datetime | None = None


@dataclass(frozen=True)
class View:
    """Everything that is served, at one instant.

    ``rings`` is empty before the first import. ``metadata`` has TUF file names such as ``1.root.json``,
    ``timestamp.json``, ``7.snapshot.json``; ``tuf_targets`` consistent-snapshot names such as
    ``clamav/<sha256>.daily.cvd``: both follow what is trusted, which may be newer than what a ring serves.
    ``mount_at_root`` is the source at the root in the default ring. ``newest_generation`` is the newest that is held,
    served or not, 0 for none; ``silent_inboxes`` those that do not answer.
    """

    rings: Mapping[str, Publication]
    default_ring: str
    metadata: Mapping[str, bytes]
    tuf_targets: Mapping[str, Blob]
    mount_at_root: str | None
    status: Status
    newest_generation: int = 0
    silent_inboxes: tuple[Path, ...] = ()


CHECK_SECONDS = 0.01
"""How long a view is taken for the newest: looking costs as much as answering a small request."""


class Views:
    """The newest view, rebuilt when the state has changed. Safe to use from several threads.

    Args:
        home: The relay's directory.
        config: Its configuration.
        check_seconds: How long a view is taken for the newest without looking.
        silent_inboxes: Returns the inboxes that do not answer, where somebody watches them.
    """

    def __init__(
        self,
        home: Home,
        config: Config,
        check_seconds: float = CHECK_SECONDS,
        *,
        silent_inboxes: Callable[[], tuple[Path, ...]] = tuple,
    ) -> None:
        self._home = home
        self._config = config
        self._check_seconds = check_seconds
        self._silent_inboxes = silent_inboxes
        self._checked_at = 0.0
        self._lock = Lock()
        self._state: State | None = None
        self._version: tuple[int, tuple[int, int]] = (-1, (0, 0))
        self._view: View | None = None

    def current(self) -> View:
        """Return the newest view.

        Raises:
            StorageError: The state cannot be read.
            ConfigurationError: ``state.version``.
        """
        view = self._view
        if view is not None and monotonic() - self._checked_at < self._check_seconds:
            return view
        with self._lock:
            return self._look()

    def _look(self) -> View:
        """Read what has changed: a pragma and a stat when nothing has."""
        if self._state is None:
            self._state = State(self._home.database)
        checked_at = monotonic()
        version = (self._state.data_version, stamp_last_refusal(self._home.last_refusal_file))
        if self._view is None or version[0] != self._version[0]:
            self._view = build_view(self._home, self._config, self._state, self._view)
        elif version != self._version:
            refusal = load_last_refusal(self._home.last_refusal_file)
            self._view = replace(self._view, status=replace(self._view.status, last_refusal=refusal))
        silent = self._silent_inboxes()
        if silent != self._view.silent_inboxes:
            self._view = replace(self._view, silent_inboxes=silent)
        self._version, self._checked_at = version, checked_at
        return self._view

    def close(self) -> None:
        """Close the database; the next :meth:`current` opens it again."""
        with self._lock:
            if self._state is not None:
                self._state.close()
                self._state = None
                self._view = None


def build_view(home: Home, config: Config, state: State, before: View | None = None) -> View:
    """Read the whole state as one view; what cannot have changed since an earlier view is taken from that.

    A receipt, a delivery or a volume that is stored changes the state and nothing that is served: with 100,000 files
    it would cost a second to read them again.
    """
    with state.snapshot():
        newest = state.generations.find_newest_number()
        rings = _publications(config, state, {} if before is None else before.rings)
        same = before if before is not None and before.newest_generation == newest else None
        default = rings.get(DEFAULT_RING)
        return View(
            rings=rings,
            default_ring=DEFAULT_RING,
            metadata=state.trusted.load_metadata() if same is None else same.metadata,
            tuf_targets=_tuf_targets(state, newest) if same is None else same.tuf_targets,
            mount_at_root=choose_mounted_source(config.mount_at_root, ()) if default is None else default.mounted,
            status=read_status(home, config, state),
            newest_generation=newest,
        )


def _publications(config: Config, state: State, before: Mapping[str, Publication]) -> Mapping[str, Publication]:
    result: dict[str, Publication] = {}
    for ring in state.publications.list_rings():
        known = before.get(ring.name)
        if known is not None and (known.generation, known.published_until) == (ring.generation, ring.published_until):
            result[ring.name] = known
            continue
        generation = None if ring.generation is None else state.generations.find_generation(ring.generation)
        if generation is not None:
            files = {
                path: PublishedFile(path, blob.sha256, blob.length, at)
                for path, blob, at in state.publications.list_files(ring.name)
            }
            at_root = choose_mounted_source(config.mount_at_root, state.generations.list_sources(generation.number))
            result[ring.name] = Publication(
                ring.name, generation.number, generation.created, MappingProxyType(files), at_root, ring.published_until
            )
    return MappingProxyType(result)


def _tuf_targets(state: State, newest: int) -> Mapping[str, Blob]:
    """Name the content of the newest generation, and of the one before for clients in the middle of a walk."""
    result: dict[str, Blob] = {}
    for number in (newest, state.generations.find_number_before(newest)):
        for target in state.generations.list_targets(number):
            directory, _, name = target.path.rpartition("/")
            result[f"{directory}/{target.sha256}.{name}"] = Blob(target.sha256, target.length)
    return MappingProxyType(result)
