"""Import of one bundle: verify, store, commit, say OK; a crash at any instant leaves the old or the new.

1. the home's lock
2. open once; structure, roots, manifest signature, metadata (:mod:`manifests.bundle`)
3. a generation that is held already: nothing to do, unless the store has lost some of it
4. everything that is not carried must be held; room for what is carried
5. content into the store in one pass, hashed on the way; durable
6. one transaction: trusted metadata, clock floor, generation, ring, publications, event
7. the feature list

A refusal changes neither the store nor the database; it is a line of the audit log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from manifests.blobs import Blob, BlobStore
from manifests.bundle import VerifiedBundle, open_bundle, verify
from manifests.clock import Clock, to_text
from manifests.console import NoProgress, Progress
from manifests.durable import storage_errors
from manifests.errors import (
    ExpiredError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    RollbackError,
    SealiftError,
    StorageError,
)
from manifests.manifest import TUF_PREFIX, Target
from relay import events, out
from relay import quarantine as quarantine_store
from relay.config import Config
from relay.home import Home
from relay.state import DEFAULT_RING, Event, NewGeneration, State

Result = Literal["imported", "already-imported", "repaired"]

WAIT_SECONDS = 60.0
"""How long an import waits for another one to end."""

REFUSALS = (NotAuthenticError, MalformedError, RollbackError, ExpiredError, IncompleteError)
"""Errors that say something about the bundle, not about this machine."""

_METADATA_FACTOR = 8
"""Room in the database for one generation, as a multiple of the manifest's length: rows, indexes, log."""


@dataclass(frozen=True)
class ImportResult:
    """What became of a bundle that was believed.

    ``outcome``: ``imported`` made a new generation; ``already-imported`` changed nothing; ``repaired``
    brought back content of a generation that the store had lost. ``bytes_read`` is content hashed.
    """

    outcome: Result
    path: Path
    publisher: str
    generation: int
    created: datetime
    targets: int
    bytes_read: int
    text: str


def import_file(
    home: Home,
    config: Config,
    path: Path,
    *,
    clock: Clock,
    progress: Progress | None = None,
    accept_expired: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    quarantine: bool = False,
) -> ImportResult:
    """Import one bundle file; the file is left where it is.

    Args:
        home: The relay's directory.
        config: Its configuration.
        path: The file, whatever its name.
        clock: The system's clock.
        progress: Told how far it is.
        accept_expired: Believe expired roles; recorded in the event.
        wait_seconds: How long to wait for another import.
        quarantine: Copy a refused file into quarantine, unless it is only incomplete; ``quarantine`` in the
            error's context is the record's id, ``kept`` whether the content is there, durably.

    Raises:
        NotAuthenticError: A signature or digest does not hold.
        MalformedError: The container or a document breaks its format.
        RollbackError: Older than what is trusted already.
        ExpiredError: Past its signed lifetime.
        IncompleteError: ``base.missing`` or ``volume.missing``: content that the site lacks is not carried.
        StorageError: ``storage.space`` beforehand, or any other storage error; nothing changed.
        LockedError: ``lock.held``: another import did not end in time.
    """
    job = _Import(home, config, path, clock, progress or NoProgress(), accept_expired=accept_expired)
    try:
        with home.lock(wait_seconds), open_bundle(path) as file, State(home.database) as state:
            home.blobs.sweep()
            now = clock()
            job.progress.start(f"Verify {events.shown(path.name)}")
            bundle = verify(file, state.trusted(), now, accept_expired=accept_expired)
            result = job.run(bundle, state, now)
    except REFUSALS as error:
        _refuse(home, config, path, error, clock(), quarantine=quarantine)
        raise
    _write_features(home, config, clock())
    return result


@dataclass(frozen=True)
class _Import:
    """One import under the lock, from a believed bundle on."""

    home: Home
    config: Config
    path: Path
    clock: Clock
    progress: Progress
    accept_expired: bool

    def run(self, bundle: VerifiedBundle, state: State, now: datetime) -> ImportResult:
        _check_roots(bundle, state)
        number = bundle.manifest.snapshot_version
        known = state.generation(number) is not None
        missing = _not_held(bundle, self.home.blobs)
        if known and not missing:
            return self._result(bundle, "already-imported", 0, f"Generation {number} is here already; nothing to do")
        _check_carried(bundle, missing, state)
        _check_space(bundle, missing, self.home, self.config)
        self._store(bundle)
        if known:
            text = f"Content that generation {number} had lost is back: {len(missing):,} targets"
            with state.transaction():
                state.record(Event(now, "repair", text, {"generation": number, "file": events.shown(self.path.name)}))
            return self._result(bundle, "repaired", bundle.bytes_to_store, text)
        text = self._commit(bundle, state, now)
        return self._result(bundle, "imported", bundle.bytes_to_store, text)

    def _store(self, bundle: VerifiedBundle) -> None:
        self.progress.start("Store", bundle.bytes_to_store)
        with self.home.blobs.batch() as batch:
            for blob in bundle.manifest.blobs:
                batch.add(self._counted(bundle.content(blob)), Blob(blob.sha256, blob.length))
            batch.commit()

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self.progress.advance(len(chunk))

    def _commit(self, bundle: VerifiedBundle, state: State, now: datetime) -> str:
        manifest = bundle.manifest
        new = NewGeneration(
            manifest=manifest,
            manifest_bytes=bundle.manifest_bytes,
            signature_bytes=bundle.signature_bytes,
            trusted=bundle.state,
            documents=bundle.documents,
            file_name=events.shown(self.path.name),
        )
        text = (
            f"Generation {manifest.snapshot_version} of {manifest.publisher}, created {to_text(manifest.created)}: "
            f"{len(manifest.targets):,} targets"
        )
        self.progress.start("Commit")
        with state.transaction():
            state.add_generation(new, now)
            expired = [role.role for role in state.roles() if role.expires_at <= max(now, manifest.created)]
            if self.accept_expired and expired:
                text += f"; accepted by the operator although expired: {', '.join(expired)}"
            published = state.activate(DEFAULT_RING, manifest.snapshot_version, now)
            details: dict[str, str | int | bool | None] = {
                "generation": manifest.snapshot_version,
                "ring": DEFAULT_RING,
                "published_at": to_text(published),
                "file": events.shown(self.path.name),
                "accepted_expired": ",".join(expired) if self.accept_expired else "",
            }
            state.record(Event(now, "import", text, details))
        return text

    def _result(self, bundle: VerifiedBundle, outcome: Result, bytes_read: int, text: str) -> ImportResult:
        manifest = bundle.manifest
        return ImportResult(
            outcome=outcome,
            path=self.path,
            publisher=manifest.publisher,
            generation=manifest.snapshot_version,
            created=manifest.created,
            targets=len(manifest.targets),
            bytes_read=bytes_read,
            text=text,
        )


def _check_roots(bundle: VerifiedBundle, state: State) -> None:
    """Refuse other bytes for a root that is here: the walk begins after the trusted one, agents begin before it."""
    carried = dict(bundle.documents)
    for name, data in state.roots().items():
        if carried.get(TUF_PREFIX + name, data) != data:
            raise NotAuthenticError(
                "bundle.root", f"The bundle carries another {name} than the one that is trusted here"
            )


def _not_held(bundle: VerifiedBundle, store: BlobStore) -> tuple[Target, ...]:
    return tuple(target for target in bundle.manifest.targets if not store.holds(Blob(target.sha256, target.length)))


def _check_carried(bundle: VerifiedBundle, missing: tuple[Target, ...], state: State) -> None:
    """Refuse a bundle that neither carries nor finds here what its generation needs."""
    carried = {blob.sha256 for blob in bundle.manifest.blobs}
    lacking = [target for target in missing if target.sha256 not in carried]
    if not lacking:
        return
    manifest, newest = bundle.manifest, state.newest_generation()
    held = {target.sha256 for target in state.targets(newest)} if newest else set()
    damaged = any(target.sha256 in held for target in lacking)
    have = f"generation {newest}, {len(manifest.targets) - len(lacking):,} of {len(manifest.targets):,} targets"
    elsewhere = manifest.volume_count > 1 and any(target.arrives == "blob" for target in lacking)
    raise IncompleteError(
        "volume.missing" if elsewhere else "base.missing",
        f"The bundle needs content that it does not carry and that is not here, such as {lacking[0].path}",
        have=have if newest else f"no generation yet, {have.partition(', ')[2]}",
        need=f"{len(lacking):,} targets, {sum(target.length for target in lacking):,} bytes"
        + (f", as in generation {manifest.since}" if manifest.since is not None else ""),
        todo=f"in the DMZ: bundle create --since {newest}"
        if newest and not damaged
        else "in the DMZ: bundle create --full",
        generation=newest,
        missing=len(lacking),
    )


def _check_space(bundle: VerifiedBundle, missing: tuple[Target, ...], home: Home, config: Config) -> None:
    """Refuse to begin what the disk cannot hold. Content that is held already passes through one at a time."""
    wanted = {target.sha256 for target in missing}
    fresh = sum(blob.length for blob in bundle.manifest.blobs if blob.sha256 in wanted)
    passing = max((blob.length for blob in bundle.manifest.blobs if blob.sha256 not in wanted), default=0)
    needed = fresh + passing + _METADATA_FACTOR * len(bundle.manifest_bytes) + config.reserve_bytes
    with storage_errors(home.path):
        room = os.statvfs(home.path)
    free = room.f_bavail * room.f_frsize
    if free < needed:
        raise StorageError(
            "storage.space",
            "The disk has too little room for the bundle's content",
            have=f"{free:,} bytes free in {home.path}",
            need=f"{needed:,} bytes, {config.reserve_bytes:,} of them in reserve",
            todo="make room, then import again: nothing has changed",
            free=free,
            needed=needed,
        )


def _refuse(home: Home, config: Config, path: Path, error: SealiftError, now: datetime, *, quarantine: bool) -> None:
    """Write a refusal into the audit log and, when asked, keep a copy; what is incomplete may yet be imported."""
    if quarantine and not isinstance(error, IncompleteError):
        with suppress(MalformedError):  # a link or a device: nothing to keep
            record = quarantine_store.take(home, config, path, error, now)
            error.context["quarantine"] = record.id
            error.context["kept"] = int(record.kept)
    details: dict[str, str | int | bool | None] = {
        "code": error.code,
        "exit_code": error.exit_code,
        "file": events.shown(path.name),
    }
    details["quarantine"] = error.context.get("quarantine")
    with suppress(StorageError):  # the refusal matters more than its record
        events.record(home, Event(now, events.REFUSED, f"{events.shown(path.name)} was refused: {error}", details))


def _write_features(home: Home, config: Config, now: datetime) -> None:
    """Write the feature list; the import stands even when that fails."""
    try:
        out.write_features(home, config)
    except StorageError as error:
        with suppress(StorageError):
            events.record(home, Event(now, "out-failed", f"The feature list was not written: {error}"))
