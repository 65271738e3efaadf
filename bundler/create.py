"""The main job: pull, seal, sign, verify what was written, and only then advance the version.

``journal.json`` in the home makes it one step. Before the first byte of a bundle is written it names
the partial file, so that whatever a crash leaves is removed by the next run; once the bundle is
sealed and verified it is marked committed, and from that instant every later run finishes the same
commit: the bundle gets its name and the repository its new version. There is no third state.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Signer

from bundler.config import Config
from bundler.home import Home
from bundler.pull import PullResult, SourceFailure, last_good, pull_all
from bundler.repository import Repository, Staged
from bundler.seal import Contents, seal, verify_sealed
from manifests import durable, strictjson
from manifests.blobs import CHUNK_BYTES
from manifests.clock import Clock
from manifests.console import Progress
from manifests.errors import FetchError, UsageError
from manifests.limits import DEFAULT, MIB
from manifests.manifest import Manifest
from manifests.trust import trusted_root


@dataclass(frozen=True)
class Order:
    """What the operator asked for. ``out`` is the directory that the bundle goes to."""

    out: Path
    tool: str
    pull: bool = True
    allow_partial: bool = False
    notes: bytes | None = None


@dataclass(frozen=True)
class Created:
    """A sealed, verified, committed bundle: its file, length in bytes, digest; what failed, what to look after."""

    path: Path
    length: int
    sha256: str
    manifest: Manifest
    failures: tuple[SourceFailure, ...]
    warnings: tuple[str, ...]


def create(
    home: Home,
    config: Config,
    order: Order,
    signers: Callable[[str], Sequence[Signer]],
    clock: Clock,
    progress: Progress,
) -> Created:
    """Make one bundle, or change nothing.

    Args:
        home: The publisher's directory.
        config: What to pull, for how long to promise.
        order: What the operator asked for.
        signers: The signers of a role, by role name.
        clock: Tells the time.
        progress: Told about each step.

    Raises:
        FetchError: ``create.source-failed`` when a source failed and ``order.allow_partial`` is not set;
            ``create.nothing`` when no source has anything to seal.
        UsageError: ``create.exists`` when the output directory has a file of that name.
        StorageError: The disk is full or failing; no bundle, no new version.
        LockedError: Another process works in the home.
    """
    with home.lock():
        finish_interrupted(home)
        store, repository = home.store(), Repository.load(home.metadata)
        pulled = pull_all(home, config, store, clock, progress) if order.pull else last_good(home, config, store)
        _check_failures(pulled, order)
        staged = repository.stage(pulled.targets, clock(), signers, config.expiries, config.lifetime)
        durable.make_directory(order.out)
        contents = _contents(config, order, pulled, staged)
        journal = _Journal.begin(home, order.out.absolute(), contents)
        try:
            manifest = seal(journal.partial, contents, store, signers("timestamp"), progress)
            length, digest = _verify_and_hash(journal.partial, repository, clock, progress)
            journal.commit(home, staged)
        finally:
            finish_interrupted(home)
        return Created(journal.final, length, digest, manifest, pulled.failures, staged.warnings)


def finish_interrupted(home: Home) -> None:
    """Bring a home that a crash left in the middle to the state before or after, never between. Call under its lock.

    Raises:
        StorageError: The disk is full or failing; run it again.
    """
    home.store().sweep()
    journal = _Journal.load(home)
    if journal is None:
        return
    if not journal.committed:
        journal.abandon(home)
        return
    with durable.storage_errors(journal.final):
        if journal.partial.exists():
            durable.replace(journal.partial, journal.final)
    Repository.load(home.metadata).write(
        tuple((path.name, path.read_bytes()) for path in sorted(home.staged_metadata.iterdir()))
    )
    journal.forget(home)


@dataclass(frozen=True)
class _Journal:
    """What a run is about to do (``committed`` false), or has decided to do (true)."""

    partial: Path
    final: Path
    committed: bool

    @classmethod
    def begin(cls, home: Home, out: Path, contents: Contents) -> _Journal:
        final = out / f"{contents.publisher}-{contents.snapshot_version:06d}-full.zip"
        if final.exists():
            raise UsageError("create.exists", f"{final} is there already", todo="choose another --out")
        journal = cls(partial=final.with_name(f".{final.name}.partial"), final=final, committed=False)
        with durable.storage_errors(journal.partial):
            journal.partial.unlink(missing_ok=True)
        journal._save(home)
        return journal

    @classmethod
    def load(cls, home: Home) -> _Journal | None:
        try:
            data = home.journal.read_bytes()
        except FileNotFoundError:
            return None
        value = strictjson.decode(data, name=home.journal.name, max_bytes=MIB)
        return cls(Path(value["partial"]), Path(value["final"]), value["committed"])

    def commit(self, home: Home, staged: Staged) -> None:
        """Decide: everything that must happen is durable beside the decision."""
        durable.make_directory(home.staged_metadata)
        for name, data in staged.documents:
            durable.write(home.staged_metadata / name, data)
        _Journal(self.partial, self.final, committed=True)._save(home)

    def abandon(self, home: Home) -> None:
        """Remove everything that was begun."""
        with durable.storage_errors(self.partial):
            self.partial.unlink(missing_ok=True)
        self.forget(home)

    def forget(self, home: Home) -> None:
        """End the journal; staged metadata goes after it, since only a committed journal reads it."""
        with durable.storage_errors(home.journal):
            home.journal.unlink(missing_ok=True)
            durable.fsync_directory(home.journal.parent)
            shutil.rmtree(home.staged_metadata, ignore_errors=True)

    def _save(self, home: Home) -> None:
        value = {"partial": str(self.partial), "final": str(self.final), "committed": self.committed}
        durable.write(home.journal, strictjson.encode(value))


def _check_failures(pulled: PullResult, order: Order) -> None:
    if pulled.failures and not order.allow_partial:
        first = pulled.failures[0]
        raise FetchError(
            "create.source-failed",
            f"{len(pulled.failures)} of the sources failed, so nothing was sealed; {first.name}: {first.error}",
            todo="correct the source, or seal its last good content: bundle create --allow-partial",
            failed=", ".join(failure.name for failure in pulled.failures),
        )
    if not any(pulled.targets.values()):
        raise FetchError(
            "create.nothing", "No source has anything to seal", todo="add a [[source]] to bundler.toml: bundle sources"
        )


def _contents(config: Config, order: Order, pulled: PullResult, staged: Staged) -> Contents:
    if order.notes is not None and len(order.notes) > DEFAULT.notes_bytes:
        raise UsageError(
            "create.notes", "The release notes are too long", need=f"at most {DEFAULT.notes_bytes:,} bytes"
        )
    targets = [target for source_targets in pulled.targets.values() for target in source_targets]
    return Contents(
        publisher=config.publisher,
        snapshot_version=staged.snapshot_version,
        root_version=staged.root_version,
        created=staged.created,
        tool=order.tool,
        sources=tuple(sorted(pulled.records, key=lambda record: record.name)),
        targets=tuple(sorted(targets, key=lambda target: target.path)),
        metadata=tuple((name, data) for name, data in staged.documents),
        notes=order.notes,
    )


def _verify_and_hash(path: Path, repository: Repository, clock: Clock, progress: Progress) -> tuple[int, str]:
    """Verify the file as a relay that knows only the first root would; hash it whole on the other core."""
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(_hash, path)
        verify_sealed(path, trusted_root(repository.roots[0]), clock(), progress)
        return path.stat().st_size, digest.result()


def _hash(path: Path) -> str:
    hasher = hashlib.sha256()
    with durable.storage_errors(path), path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


__all__ = ["Created", "Order", "create", "finish_interrupted"]
