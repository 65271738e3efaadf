"""The main job: pull, seal, sign, verify what was written, and only then advance the version.

One step for any number of files: see :mod:`bundler.seal.journal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bundler.config import Config
from bundler.context import Context
from bundler.history import Generation, History
from bundler.home import Home
from bundler.plan import present as increment
from bundler.plan.arrivals import compressible, laid_out
from bundler.plan.compress import compress
from bundler.plan.layout import Contents
from bundler.plan.present import Held
from bundler.plan.readers import EVERYBODY, Readers
from bundler.pull.last_good import read_last_good
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult, SourceFailure
from bundler.repository.repository import Repository
from bundler.repository.signers import HomeSigners
from bundler.repository.staging import Staged, stage_version
from bundler.seal.journal import finish_interrupted
from bundler.seal.write import sign
from bundler.seal.write_verified import BesideFile, Extras, SealedFile, Sealing, no_extras
from manifests.blobs import BlobStore
from manifests.clock import Clock
from manifests.errors import FetchError, UsageError
from manifests.limits import DEFAULT
from manifests.progress import Progress


@dataclass(frozen=True)
class Order:
    """What the operator asked for.

    Args:
        out: The directory that the bundles go to.
        tool: What makes them.
        pull: Whether to ask the upstreams.
        allow_partial: Whether to seal last good content where they fail.
        notes: Release notes.
        readers: Who shall be able to take them.
        volume_size: What no file may exceed, in bytes; None for one file.
        recovery_percent: How much recovery data goes beside each, for the record.
    """

    out: Path
    tool: str
    pull: bool = True
    allow_partial: bool = False
    notes: bytes | None = None
    readers: Readers = EVERYBODY
    volume_size: int | None = None
    recovery_percent: int | None = None


@dataclass(frozen=True)
class Created:
    """Sealed, verified, committed bundles, one per volume; what lies beside them; what failed, what to look after.

    ``unchanged`` names the sources that gave what they gave last time.
    """

    files: tuple[SealedFile, ...]
    beside: tuple[BesideFile, ...] = ()
    failures: tuple[SourceFailure, ...] = ()
    warnings: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def create(
    home: Home,
    config: Config,
    order: Order,
    signers: HomeSigners,
    clock: Clock,
    progress: Progress,
    extras: Extras = no_extras,
) -> Created:
    """Make the bundles of one version, or change nothing.

    Args:
        home: The publisher's directory.
        config: What to pull, for how long to promise.
        order: What the operator asked for.
        signers: The keys that are at hand.
        clock: Tells the time.
        progress: Told about each step.
        extras: What goes beside the bundles, committed with them.

    Raises:
        FetchError: ``create.source-failed`` when a source failed and ``order.allow_partial`` is not set;
            ``create.nothing`` when no source has anything to seal.
        UsageError: ``create.exists`` when the output directory has a file of that name; ``create.volume-size``;
            ``create.notes``.
        StorageError: The disk is full or failing; no bundle, no new version.
        LockedError: Another process works in the home.
    """
    with home.lock():
        finish_interrupted(home)
        store, repository = home.store(), Repository.load(home.metadata)
        pulled = pull_all(Context(home, config, clock, progress)) if order.pull else read_last_good(home, config)
        _check_failures(pulled, order)
        signers_of_role = signers.of_repository(repository)
        staged = stage_version(repository, pulled.targets, clock(), signers_of_role, config.expiries, config.lifetime)
        held = increment.held(History(home), order.readers)
        contents = _contents(config, order, pulled, staged, held)
        timestamp = tuple(signers_of_role("timestamp"))
        _keep(store, (data for _, data in contents.documents))
        with compress(compressible(contents), store, progress) as compressed:
            manifests = laid_out(contents, held, order.volume_size, compressed, store, progress, signers=len(timestamp))
            sealing = Sealing(home, store, clock, progress, extras)
            try:
                journal = sealing.begin(order.out, manifests, staged.snapshot_version)
                volumes = tuple(sign(manifest, timestamp) for manifest in manifests)
                written = sealing.write(journal, volumes, contents.documents, compressed)
                generation = Generation(staged.snapshot_version, volumes, order.volume_size, order.recovery_percent)
                written.journal.commit(home, staged, generation)
            finally:
                finish_interrupted(home)
        return Created(written.files, written.beside, pulled.failures, staged.warnings, pulled.unchanged)


def _check_failures(pulled: PullResult, order: Order) -> None:
    if pulled.failures and not order.allow_partial:
        first = pulled.failures[0]
        raise FetchError(
            "create.source-failed",
            f"{len(pulled.failures)} of the sources failed, so nothing was sealed; {first.name}: {first.error}",
            todo="correct the source, or seal its last good content: bundle create --allow-partial",
            failures={failure.name: failure.error for failure in pulled.failures},
            failed=", ".join(failure.name for failure in pulled.failures),
        )
    if not any(pulled.targets.values()):
        raise FetchError(
            "create.nothing", "No source has anything to seal", todo="add a [[source]] to bundler.toml: bundle sources"
        )


def _contents(config: Config, order: Order, pulled: PullResult, staged: Staged, held: Held) -> Contents:
    if order.notes is not None and len(order.notes) > DEFAULT.notes_bytes:
        raise UsageError(
            "create.notes", "The release notes are too long", need=f"at most {DEFAULT.notes_bytes:,} bytes"
        )
    targets = [target for source_targets in pulled.targets.values() for target in source_targets]
    marked = held.mark(sorted(targets, key=lambda target: target.path))
    return Contents(
        publisher=config.publisher,
        snapshot_version=staged.snapshot_version,
        root_version=staged.root_version,
        created=staged.created,
        tool=order.tool,
        sources=tuple(sorted(pulled.records, key=lambda record: record.name)),
        targets=marked,
        metadata=tuple((name, data) for name, data in staged.documents),
        notes=order.notes,
    )


def _keep(store: BlobStore, documents: Iterable[bytes]) -> None:
    """Keep the documents, for the day when the bundle is made again."""
    with store.batch() as batch:
        for data in documents:
            batch.add([data])
        batch.commit()


__all__ = ["Created", "Order", "create", "finish_interrupted"]
