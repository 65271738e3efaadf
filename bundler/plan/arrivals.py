"""How each target of the next version travels, decided in one place: not at all, as a patch, or whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from bundler.plan.compress import Compressed, may_be_deflated
from bundler.plan.next_version import NextVersion
from bundler.plan.patching import Bases, BestPatch, best_patch
from bundler.plan.present import Present
from manifests.byte_ranges import Ranges
from manifests.disk.blobs import Blob, BlobStore
from manifests.manifest import Arrival, BlobMember, PatchMember, Target
from manifests.progress import Progress


@dataclass(frozen=True)
class Arrivals:
    """How each target of a version travels to its readers.

    Args:
        targets: Those of the version, each with how it arrives: ``held``, ``patch`` or ``blob``.
        blobs: The members of those that arrive as blobs, each content once, in the order of the targets.
        patches: The members of those that arrive as patches, in the same order.
        begun: Of those that arrive as blobs, by digest: bytes that every reader has, so that the rest is carried.
        since: The lowest generation that a reader must have to make use of it; None: no generation is needed.
    """

    targets: tuple[Target, ...]
    blobs: tuple[BlobMember, ...]
    patches: tuple[PatchMember, ...]
    begun: Mapping[str, Ranges]
    since: int | None


def compressible_blobs(version: NextVersion, present: Present) -> list[Blob]:
    """Return what may be deflated in the bundles of a version, each content once: what readers lack, and documents."""
    lacking = (Blob(target.sha256, target.length) for target in _lacking(version.targets, present).values())
    documents = (data for name, data in version.documents if may_be_deflated(name))
    return list(dict.fromkeys((*lacking, *(Blob(sha256(data).hexdigest(), len(data)) for data in documents))))


def decide_arrivals(
    targets: Sequence[Target],
    present: Present,
    compressed: Compressed,
    store: BlobStore,
    progress: Progress,
    *,
    volume_size: int | None,
) -> Arrivals:
    """Decide how each target travels.

    1. What all readers have is not carried.
    2. What changed travels as a patch, where that is clearly smaller. The patches are kept in the store.
    3. All else travels whole, but for those bytes that all readers have already.
    4. The bundle asks of its readers what it makes use of, and nothing else.

    Args:
        targets: Of the next version, sorted by path.
        present: What all readers have.
        compressed: What the contents take in a bundle.
        store: Has all content, and takes the patches.
        progress: Told about every content that a patch is looked for.
        volume_size: What no file may exceed, in bytes; None for one file.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    # 1. Held: nothing of it is carried.
    lacking = _lacking(targets, present)
    # 2. Patches.
    patches = _make_patches(tuple(lacking.values()), present, compressed, store, progress, volume_size)
    # 3. Whole, or what is missing of it. Some bytes of a content are left out only where the rest takes less than
    #    the whole does: a piece of it is carried as it is, the whole may be deflated.
    whole = [target for digest, target in lacking.items() if digest not in patches]
    members = {target.sha256: _member_of(target, compressed) for target in whole}
    spared = {
        target.sha256: present.spared_ranges(target, members[target.sha256].stored_length)
        for target in whole
        if target.sha256 in present.parts
    }
    begun = {digest: ranges for digest, ranges in spared.items() if ranges}
    # 4. What is needed at the readers.
    ways: dict[str, Arrival] = {digest: "patch" if digest in patches else "blob" for digest in lacking}
    used = {target.sha256 for target in targets if target.sha256 not in lacking}
    used |= {patch.base_sha256 for patch in patches.values()} | begun.keys()
    return Arrivals(
        targets=tuple(replace(target, arrives=ways.get(target.sha256, "held")) for target in targets),
        blobs=tuple(members.values()),
        patches=tuple(patches.values()),
        begun=begun,
        since=present.since(used),
    )


def _lacking(targets: Iterable[Target], present: Present) -> dict[str, Target]:
    """Return, by digest, the targets whose content not all readers have."""
    return {target.sha256: target for target in targets if target.sha256 not in present.generations}


def _make_patches(
    targets: Sequence[Target],
    present: Present,
    compressed: Compressed,
    store: BlobStore,
    progress: Progress,
    volume_size: int | None,
) -> dict[str, PatchMember]:
    """Make the patches that are worth it and keep them in the store; return them by the digest of their targets."""
    made: dict[str, PatchMember] = {}
    if not present.bases or not targets:
        return made
    bases = Bases(present.bases)
    progress.start("patch", sum(target.length for target in targets))
    with store.batch() as batch:
        for target in targets:
            patch = _best_patch(target, bases, present, compressed, store)
            if patch is not None:
                if _fits(patch, made.values(), volume_size):
                    batch.add(patch.content(), patch.patch)
                    made[target.sha256] = _patch_member(patch)
                patch.discard()
            progress.advance(target.length)
        batch.commit()
    return made


def _best_patch(
    target: Target, bases: Bases, present: Present, compressed: Compressed, store: BlobStore
) -> BestPatch | None:
    candidates = bases.candidates(target)
    whole_length = min(_member_of(target, compressed).stored_length, present.missing_bytes(target))
    blob = Blob(target.sha256, target.length)
    return best_patch(store, blob, candidates, whole_length=whole_length) if candidates else None


def _member_of(target: Target, compressed: Compressed) -> BlobMember:
    """Return the member that carries the whole content of a target."""
    return compressed.member(Blob(target.sha256, target.length))


def _fits(patch: BestPatch, others: Iterable[PatchMember], volume_size: int | None) -> bool:
    """A patch is not cut as content is, and two members have two names."""
    small = volume_size is None or patch.patch.length <= volume_size // 2
    return small and all(patch.patch.sha256 != other.patch_sha256 for other in others)


def _patch_member(made: BestPatch) -> PatchMember:
    return PatchMember(
        sha256=made.target.sha256,
        length=made.target.length,
        base_sha256=made.base.sha256,
        base_length=made.base.length,
        engine=made.engine,
        patch_sha256=made.patch.sha256,
        patch_length=made.patch.length,
    )
