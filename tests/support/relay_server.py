"""A relay's server in this process, on a free port, with content and views made by hand."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from manifests.disk.blobs import Blob, BlobStore
from relay.config import TlsFiles
from relay.server.content import DamagedBlob
from relay.server.limits import ServerLimits
from relay.server.server import Server
from relay.server.tls import authority_file, create_authority, server_files
from relay.server.view import Publication, PublishedFile, View
from relay.state.records import RoleTrust
from relay.status.facts import Status

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RING = "default"
SMALL = b"small content"
LARGE = bytes(range(256)) * 300
LIMITS = ServerLimits(header_seconds=1.0, write_seconds=1.0, stop_seconds=5.0)


def store_in(directory: Path) -> BlobStore:
    store = BlobStore(directory / "blobs", directory / "tmp")
    store.create()
    return store


def add(store: BlobStore, *contents: bytes) -> tuple[Blob, ...]:
    with store.batch() as batch:
        blobs = tuple(batch.add([content]) for content in contents)
        batch.commit()
    return blobs


def status(generation: int = 7, **changes: Any) -> Status:
    facts = Status(
        ring=RING,
        generation=generation,
        publisher="acme",
        created=NOW - timedelta(days=1),
        imported_at=NOW - timedelta(hours=1),
        clock_floor=NOW - timedelta(days=1),
        roles=(RoleTrust("timestamp", generation, NOW + timedelta(days=20)),),
        targets=0,
        target_bytes=0,
        generations=1,
        connectivity="isolated",
        stale_after_days=30,
    )
    return replace(facts, **changes)


def view_of(
    files: Mapping[str, tuple[Blob, datetime]],
    *,
    generation: int = 7,
    mount_at_root: str | None = None,
    rings: Mapping[str, Mapping[str, tuple[Blob, datetime]]] = MappingProxyType({}),
    **changes: Any,
) -> View:
    """A view whose default ring serves ``files``; TUF names follow from them."""

    def publication(ring: str, content: Mapping[str, tuple[Blob, datetime]]) -> Publication:
        published = {path: PublishedFile(path, blob.sha256, blob.length, at) for path, (blob, at) in content.items()}
        return Publication(ring, generation, NOW, MappingProxyType(published), mount_at_root)

    names = {
        f"{path.rpartition('/')[0]}/{blob.sha256}.{path.rpartition('/')[2]}": blob for path, (blob, _) in files.items()
    }
    return View(
        rings={RING: publication(RING, files), **{ring: publication(ring, content) for ring, content in rings.items()}},
        default_ring=RING,
        metadata={"1.root.json": b'{"root":1}', "timestamp.json": b'{"timestamp":7}', "7.snapshot.json": b"{}"},
        tuf_targets=names,
        mount_at_root=mount_at_root,
        status=status(generation, **changes),
    )


def empty_view() -> View:
    facts = status(0, publisher=None, created=None, imported_at=None, clock_floor=None, roles=())
    return View({}, RING, {}, {}, None, facts)


@dataclass
class GivenViews:
    """A view provider that shows what it is told to."""

    view: View

    def current(self) -> View:
        return self.view


@dataclass
class RunningServer:
    server: Server
    views: GivenViews
    store: BlobStore
    authority: Path
    tls: TlsFiles
    damages: list[DamagedBlob] = field(default_factory=list)
    run: Callable[[Any], Any] = lambda _: None

    @property
    def port(self) -> int:
        return self.server.port


@contextmanager
def event_loop() -> Iterator[Callable[[Any], Any]]:
    """An event loop in a thread; yields a function that runs a coroutine there and returns its result."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loop")
    thread.start()

    def run(coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, loop)
        return future.result(60)

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def serving(
    directory: Path, view: View, store: BlobStore, *, limits: ServerLimits = LIMITS, host: str = "127.0.0.1"
) -> Iterator[RunningServer]:
    """Serve a view until the block ends."""
    tls_directory = directory / "tls"
    create_authority(tls_directory, datetime.now(UTC))
    views, damages = GivenViews(view), list[DamagedBlob]()
    tls = server_files(tls_directory)
    server = Server(host, 0, tls, views, store, clock=lambda: NOW, on_damage=damages.append, limits=limits)
    with event_loop() as run:
        run(server.start())
        try:
            yield RunningServer(server, views, store, authority_file(tls_directory), tls, damages, run)
        finally:
            run(server.stop())


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
