"""The main job: pull, seal, sign, verify what was written, and only then advance the version.

One step for any number of files: see :mod:`bundler.seal.journal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from bundler.config import Config
from bundler.history import Generation, History
from bundler.home import Home
from bundler.plan import held as increment
from bundler.plan.held import EVERYBODY, Held, Readers
from bundler.plan.layout import Contents, lay_out
from bundler.plan.patching import Bases, Made, best_patch
from bundler.pull.pull import PullResult, SourceFailure, last_good, pull_all
from bundler.repository.repository import Repository
from bundler.repository.signers import HomeSigners
from bundler.repository.staging import Staged, stage_version
from bundler.seal.journal import finish_interrupted
from bundler.seal.run import BesideFile, Extras, SealedFile, Sealing, no_extras
from bundler.seal.write import Compressed, compress, may_be_deflated, sign
from manifests.blobs import Blob, BlobStore
from manifests.clock import Clock
from manifests.errors import FetchError, UsageError
from manifests.limits import DEFAULT
from manifests.manifest import Manifest, PatchMember, Target
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
        pulled = pull_all(home, config, store, clock, progress) if order.pull else last_good(home, config, store)
        _check_failures(pulled, order)
        signers_of_role = signers.of_repository(repository)
        staged = stage_version(repository, pulled.targets, clock(), signers_of_role, config.expiries, config.lifetime)
        held = increment.held(History(home), order.readers)
        contents = _contents(config, order, pulled, staged, held)
        timestamp = tuple(signers_of_role("timestamp"))
        _keep(store, (data for _, data in contents.documents))
        with compress(_compressible(contents), store, progress) as compressed:
            manifests = _laid_out(contents, held, order, compressed, store, progress, signers=len(timestamp))
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


def _distinct(targets: Iterable[Target]) -> list[Blob]:
    return list(dict.fromkeys(Blob(target.sha256, target.length) for target in targets if target.arrives == "blob"))


def _compressible(contents: Contents) -> list[Blob]:
    documents = (data for name, data in contents.documents if may_be_deflated(name))
    blobs = (Blob(sha256(data).hexdigest(), len(data)) for data in documents)
    return list(dict.fromkeys((*_distinct(contents.targets), *blobs)))


def _laid_out(
    contents: Contents,
    held: Held,
    order: Order,
    compressed: Compressed,
    store: BlobStore,
    progress: Progress,
    *,
    signers: int,
) -> tuple[Manifest, ...]:
    """Decide how everything travels to who holds ``held``, and in which of the volumes."""
    contents, patches = _patched(contents, held, order, compressed, store, progress)
    begun = held.rest(contents.targets, lambda target: _carried_length(target, compressed))
    return lay_out(
        replace(contents, since=held.since(_used(contents.targets, patches, begun))),
        [compressed.document(name, data) for name, data in contents.documents],
        [compressed.member(blob) for blob in _distinct(contents.targets)],
        patches,
        store,
        volume_size=order.volume_size,
        signers=signers,
        begun=begun,
    )


def _patched(
    contents: Contents, held: Held, order: Order, compressed: Compressed, store: BlobStore, progress: Progress
) -> tuple[Contents, list[PatchMember]]:
    """Let what changed travel as patches, where that is smaller. The patches are kept in the store."""
    missing = {target.sha256: target for target in contents.targets if target.arrives == "blob"}
    if not held.bases or not missing:
        return contents, []
    bases = Bases(held.bases)
    progress.start("patch", sum(target.length for target in missing.values()))
    made: dict[str, PatchMember] = {}
    with store.batch() as batch:
        for target in missing.values():
            patch = _best(target, bases, held, compressed, store)
            if patch is not None:
                if _fits(patch, made.values(), order.volume_size):
                    batch.add(patch.content(), patch.patch)
                    made[target.sha256] = _member(patch)
                patch.discard()
            progress.advance(target.length)
        batch.commit()
    targets = tuple(replace(t, arrives="patch") if t.sha256 in made else t for t in contents.targets)
    return replace(contents, targets=targets), list(made.values())


def _best(target: Target, bases: Bases, held: Held, compressed: Compressed, store: BlobStore) -> Made | None:
    candidates = bases.candidates(target)
    whole_length = min(_carried_length(target, compressed), held.missing(target))
    blob = Blob(target.sha256, target.length)
    return best_patch(store, blob, candidates, whole_length=whole_length) if candidates else None


def _carried_length(target: Target, compressed: Compressed) -> int:
    """Return what the whole content of a target takes in a bundle."""
    return compressed.member(Blob(target.sha256, target.length)).stored_length


def _used(targets: Iterable[Target], patches: Iterable[PatchMember], begun: Iterable[str]) -> set[str]:
    """Return the digests of what the reader must have, all of it or some."""
    held = {target.sha256 for target in targets if target.arrives == "held"}
    return held.union((patch.base_sha256 for patch in patches), begun)


def _fits(patch: Made, others: Iterable[PatchMember], volume_size: int | None) -> bool:
    """A patch is not cut as content is, and two members have two names."""
    small = volume_size is None or patch.patch.length <= volume_size // 2
    return small and all(patch.patch.sha256 != other.patch_sha256 for other in others)


def _member(made: Made) -> PatchMember:
    return PatchMember(
        sha256=made.target.sha256,
        length=made.target.length,
        base_sha256=made.base.sha256,
        base_length=made.base.length,
        engine=made.engine,
        patch_sha256=made.patch.sha256,
        patch_length=made.patch.length,
    )


def _keep(store: BlobStore, documents: Iterable[bytes]) -> None:
    """Keep the documents, for the day when the bundle is made again."""
    with store.batch() as batch:
        for data in documents:
            batch.add([data])
        batch.commit()


__all__ = ["Created", "Order", "create", "finish_interrupted"]
