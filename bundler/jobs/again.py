"""``bundle create --again``: the same files as before, bit for bit.

Manifests and signatures are those that were kept; documents, content and patches come from the store by their
digests; what was deflated is deflated again, and must give the signed bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bundler.context import Context
from bundler.history import History, SealedVersion
from bundler.home import Home
from bundler.jobs.create import CreatedBundles
from bundler.plan.compress import Compressed, compress_blobs
from bundler.repository.repository import Repository
from bundler.seal.companions import ChooseCompanions, no_companions
from bundler.seal.journal import finish_interrupted
from bundler.seal.write_verified import VerifiedWriter
from manifests.disk.blobs import Blob, BlobStore
from manifests.errors import IncompleteError
from manifests.manifest import Manifest
from manifests.text import count_text


def create_again(
    context: Context, version: int, out: Path, choose_companions: ChooseCompanions = no_companions
) -> CreatedBundles:
    """Make the bundles of an earlier version once more. No version advances, nothing is signed.

    1. Finish what an interrupted run has decided.
    2. Find all that the bundles were made of: signed manifests, documents, content.
    3. Deflate what was deflated; it must come out as it was signed.
    4. Write each bundle, read it back and verify it; put the companions beside them.
    5. Commit: the files get their names.

    Args:
        context: The publisher's home; told about each step.
        version: Which.
        out: The directory that they go to.
        choose_companions: What goes beside the bundles.

    Raises:
        UsageError: ``history.unknown``; ``create.exists``.
        IncompleteError: ``again.content-gone``: some of the content is not kept any longer;
            ``again.deflate``: this version of the program compresses differently.
        StorageError: The disk is full or failing.
        LockedError: Another process works in the home.
    """
    home, store = context.home, context.store
    with home.lock():
        # 1. Interrupted runs.
        finish_interrupted(home)
        # 2. What they were made of.
        sealed = History(home).read_version(version)
        manifests = [volume.manifest for volume in sealed.volumes]
        _refuse_gone(sealed, store)
        documents = [(d.name, b"".join(store.read(d.sha256))) for d in manifests[0].documents]
        # 3. Deflate.
        with compress_blobs(_deflated(manifests), store, context.progress) as compressed:
            _refuse_other_streams(manifests, compressed)
            writer = VerifiedWriter(context, Repository.load(home.metadata).roots[0], choose_companions)
            try:
                # 4. Write and verify. Its lifetime may be over by now; that it was sealed rightly is what counts.
                journal = writer.begin_journal(out, manifests, None)
                written = writer.write_volumes(journal, sealed.volumes, documents, compressed, accept_expired=True)
                # 5. Commit.
                written.journal.commit(home)
            finally:
                finish_interrupted(home)
        return CreatedBundles(written.files, written.companions, warnings=_warnings(home, version))


def _warnings(home: Home, version: int) -> tuple[str, ...]:
    newest = History(home).list_versions()[-1]
    text = f"version {version} is not the newest, which is {newest}: a site that has a later version refuses it"
    return () if version == newest else (text,)


def _deflated(manifests: Sequence[Manifest]) -> list[Blob]:
    members = (blob for manifest in manifests for blob in manifest.blobs if blob.method == "deflate")
    documents = (document for document in manifests[0].documents if document.deflated is not None)
    blobs = [Blob(blob.sha256, blob.length) for blob in members]
    return blobs + [Blob(document.sha256, document.length) for document in documents]


def _sources(manifest: Manifest) -> Iterator[Blob]:
    """Yield what must be in the store for a volume to be written."""
    parts = {part.sha256 for parted in manifest.parted for part in parted.parts}
    yield from (Blob(document.sha256, document.length) for document in manifest.documents)
    yield from (Blob(blob.sha256, blob.length) for blob in manifest.blobs if blob.sha256 not in parts)
    yield from (Blob(patch.patch_sha256, patch.patch_length) for patch in manifest.patches)
    if any(blob.sha256 in parts for blob in manifest.blobs):
        yield from (Blob(parted.sha256, parted.length) for parted in manifest.parted)


def _refuse_gone(sealed: SealedVersion, store: BlobStore) -> None:
    needed = {blob for volume in sealed.volumes for blob in _sources(volume.manifest)}
    gone = [blob for blob in needed if not store.has_blob(blob)]
    if gone:
        raise IncompleteError(
            "again.content-gone",
            f"Version {sealed.version} cannot be made again: some of what it carried is not kept any longer",
            have=f"{len(needed) - len(gone):,} of {count_text(len(needed), 'piece')}",
            need=f"{count_text(sum(blob.length for blob in gone), 'byte')} more",
            todo="bundle create --since RECEIPT, or --full",
        )


def _refuse_other_streams(manifests: Sequence[Manifest], compressed: Compressed) -> None:
    stored = {
        document.name: (Blob(document.sha256, document.length), document.deflated)
        for document in manifests[0].documents
        if document.deflated is not None
    }
    stored |= {
        blob.name: (Blob(blob.sha256, blob.length), (blob.stored_sha256, blob.stored_length))
        for manifest in manifests
        for blob in manifest.blobs
        if blob.method == "deflate"
    }
    for name, (blob, stream) in stored.items():
        made = compressed.member(blob)
        if (made.stored_sha256, made.stored_length) != stream:
            raise IncompleteError(
                "again.deflate",
                "This program compresses otherwise than the one that sealed the bundle",
                have=f"{name}: another stream",
                need=f"the program that sealed it: {manifests[0].tool}",
                todo="bundle create --since RECEIPT, or --full",
            )
