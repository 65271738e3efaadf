"""The main job: pull, seal, sign, verify what was written, and only then advance the version.

One step for any number of files: see :mod:`bundler.seal.journal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import Timestamp

from bundler.config import Config
from bundler.context import Context
from bundler.history import History, SealedVersion
from bundler.home import Home
from bundler.plan.arrivals import compressible_blobs, decide_arrivals
from bundler.plan.compress import compress_blobs
from bundler.plan.layout import lay_out
from bundler.plan.next_version import NextVersion, compose_version
from bundler.plan.present import find_present
from bundler.plan.readers import EVERYBODY, Readers
from bundler.pull.last_good import read_last_good
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult, SourceFailure
from bundler.repository.repository import Repository
from bundler.repository.signers import HomeSigners
from bundler.repository.staging import stage_version
from bundler.seal.companions import ChooseCompanions, CompanionFile, SealedFile, no_companions
from bundler.seal.journal import finish_interrupted
from bundler.seal.write import seal_volume
from bundler.seal.write_verified import VerifiedWriter
from manifests.disk.blobs import BlobStore
from manifests.errors import FetchError, UsageError
from manifests.limits import DEFAULT_LIMITS


@dataclass(frozen=True)
class BundleOrder:
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
class CreatedBundles:
    """Sealed, verified, committed bundles, one per volume; what lies beside them; what failed, what to look after.

    ``unchanged`` names the sources that gave what they gave last time.
    """

    files: tuple[SealedFile, ...]
    companions: tuple[CompanionFile, ...] = ()
    failures: tuple[SourceFailure, ...] = ()
    warnings: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def create_bundles(
    context: Context,
    order: BundleOrder,
    signers: HomeSigners,
    choose_companions: ChooseCompanions = no_companions,
) -> CreatedBundles:
    """Make the bundles of one version, or change nothing.

    1. Finish what an interrupted run has decided; load the repository, which verifies it, this one time.
    2. Pull the sources, or take what they gave last.
    3. Stage the metadata of the next version, in memory.
    4. Keep the documents in the store, for the day when the bundles are made again.
    5. Decide how each target travels to the readers, and in which volume.
    6. Name the bundles in the journal.
    7. Sign their manifests; write each bundle, read it back and verify it; put the companions beside them.
    8. Commit: from here on the version is sealed, also when the power fails before the files have their names.

    Args:
        context: The publisher's home, what to pull, for how long to promise; told about each step.
        order: What the operator asked for.
        signers: The keys that are at hand.
        choose_companions: What goes beside the bundles, committed with them.

    Raises:
        FetchError: ``create.source-failed`` when a source failed and ``order.allow_partial`` is not set;
            ``create.nothing`` when no source has anything to seal.
        UsageError: ``create.exists`` when the output directory has a file of that name; ``create.volume-size``;
            ``create.notes``.
        StorageError: The disk is full or failing; no bundle, no new version.
        LockedError: Another process works in the home.
    """
    home, config, store = context.home, context.config, context.store
    with home.lock():
        # 1. The journal decides first: what it has committed belongs to the repository that is loaded.
        finish_interrupted(home)
        repository = Repository.load(home.metadata)
        # 2. Pull.
        pulled = pull_all(context) if order.pull else read_last_good(home, config)
        _refuse_failures(pulled, order)
        # 3. Metadata.
        signers_of_role = signers.of_repository(repository)
        staged = stage_version(
            repository,
            pulled.targets,
            pulled.records,
            context.clock(),
            signers_of_role,
            config.expiries,
            config.lifetime,
            renew_within=config.runway,
        )
        _refuse_long_notes(order)
        version = compose_version(config.publisher, order.tool, pulled, staged, order.notes)
        # 4. Documents: before anything is deflated, since they are read from the store like all other content.
        _keep_documents(version, store)
        # 5. How everything travels. What is deflated stays open until it is written.
        present = find_present(History(home).read_all_targets() if order.readers.holdings else {}, order.readers)
        timestamp_signers = tuple(signers_of_role(Timestamp.type))
        with compress_blobs(compressible_blobs(version, present), store, context.progress) as compressed:
            arrivals = decide_arrivals(
                version.targets, present, compressed, store, context.progress, volume_size=order.volume_size
            )
            manifests = lay_out(
                version,
                arrivals,
                [compressed.document(name, data) for name, data in version.documents],
                store,
                volume_size=order.volume_size,
                signers=len(timestamp_signers),
            )
            writer = VerifiedWriter(context, repository.roots[0], choose_companions)
            try:
                # 6. Journal: whatever is interrupted from here on, the next command knows what to remove.
                journal = writer.begin_journal(order.out, manifests, version.snapshot_version)
                # 7. Sign, write, verify.
                volumes = tuple(seal_volume(manifest, timestamp_signers) for manifest in manifests)
                written = writer.write_volumes(journal, volumes, version.documents, compressed)
                # 8. Commit.
                sealed = SealedVersion(version.snapshot_version, volumes, order.volume_size, order.recovery_percent)
                written.journal.commit(home, staged, sealed)
            finally:
                finish_interrupted(home)
        return CreatedBundles(written.files, written.companions, pulled.failures, staged.warnings, pulled.unchanged)


def open_keys(home: Home, config: Config, signers: HomeSigners) -> None:
    """Open the keys that the next version may need, asking for their secrets; the home is locked only while it is read.

    Raises:
        ConfigurationError: ``key.*``, ``passphrase.*``, ``pkcs11.*``.
        StorageError: A file cannot be read.
        LockedError: Another process works in the home.
    """
    with home.lock():
        finish_interrupted(home)
        repository = Repository.load(home.metadata)
    signers.open_online(repository, [source.name for source in config.sources])


def _refuse_failures(pulled: PullResult, order: BundleOrder) -> None:
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
            "create.nothing",
            "No source has anything to seal",
            have="; ".join(f"{failure.name}: {failure.error}" for failure in pulled.failures) or None,
            todo="bundle sources check" if pulled.failures else "add a [[source]] to bundler.toml: bundle sources",
            failures={failure.name: failure.error for failure in pulled.failures},
        )


def _refuse_long_notes(order: BundleOrder) -> None:
    if order.notes is not None and len(order.notes) > DEFAULT_LIMITS.notes_bytes:
        raise UsageError(
            "create.notes", "The release notes are too long", need=f"at most {DEFAULT_LIMITS.notes_bytes:,} bytes"
        )


def _keep_documents(version: NextVersion, store: BlobStore) -> None:
    with store.batch() as batch:
        for _, data in version.documents:
            batch.add([data])
        batch.commit()
