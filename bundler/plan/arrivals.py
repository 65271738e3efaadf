"""How each target of the next version travels, decided in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from bundler.plan.compress import Compressed, may_be_deflated
from bundler.plan.layout import Contents, lay_out
from bundler.plan.patching import Bases, Made, best_patch
from bundler.plan.present import Held
from manifests.blobs import Blob, BlobStore
from manifests.manifest import Manifest, PatchMember, Target
from manifests.progress import Progress


def _distinct(targets: Iterable[Target]) -> list[Blob]:
    return list(dict.fromkeys(Blob(target.sha256, target.length) for target in targets if target.arrives == "blob"))


def compressible(contents: Contents) -> list[Blob]:
    """Return what may be deflated of a version, each content once."""
    documents = (data for name, data in contents.documents if may_be_deflated(name))
    blobs = (Blob(sha256(data).hexdigest(), len(data)) for data in documents)
    return list(dict.fromkeys((*_distinct(contents.targets), *blobs)))


def laid_out(
    contents: Contents,
    held: Held,
    volume_size: int | None,
    compressed: Compressed,
    store: BlobStore,
    progress: Progress,
    *,
    signers: int,
) -> tuple[Manifest, ...]:
    """Decide how everything travels to who holds ``held``, and in which of the volumes."""
    contents, patches = _patched(contents, held, volume_size, compressed, store, progress)
    begun = held.rest(contents.targets, lambda target: _carried_length(target, compressed))
    return lay_out(
        replace(contents, since=held.since(_used(contents.targets, patches, begun))),
        [compressed.document(name, data) for name, data in contents.documents],
        [compressed.member(blob) for blob in _distinct(contents.targets)],
        patches,
        store,
        volume_size=volume_size,
        signers=signers,
        begun=begun,
    )


def _patched(
    contents: Contents,
    held: Held,
    volume_size: int | None,
    compressed: Compressed,
    store: BlobStore,
    progress: Progress,
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
                if _fits(patch, made.values(), volume_size):
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
