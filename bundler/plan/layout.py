"""From what is to be sealed to the manifests: one per volume, each whole by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from bundler.plan import volumes
from bundler.plan.arrivals import Arrivals
from bundler.plan.next_version import NextVersion
from bundler.plan.volumes import Piece, Slice, Volume
from manifests import manifest as manifest_format
from manifests.byte_ranges import Ranges, gaps_in
from manifests.disk.blobs import BlobStore
from manifests.manifest import (
    BLOB_PREFIX,
    BlobMember,
    DocumentMember,
    Manifest,
    Part,
    Parted,
    PatchMember,
    Target,
)

TEXT_BYTES = 16 * 1024 * 1024
"""Compressible content up to this length goes first: rules protect before patterns have come."""
SMALL_BYTES = 64 * 1024
"""Anything up to this length does too: it keeps nothing waiting, and a rule of some lines does not compress."""

_SIGNATURE_BYTES = 4096 + 200
"""Per signer: hex digits of RSA with 16,384 bits, and what stands around them."""


@dataclass(frozen=True)
class _Common:
    """What the manifests of all volumes say alike."""

    version: NextVersion
    documents: tuple[DocumentMember, ...]
    since: int | None

    def manifest(
        self, targets: tuple[Target, ...], members: _Members, parted: tuple[Parted, ...], index: int, count: int
    ) -> Manifest:
        """Return the manifest of one volume."""
        return Manifest(
            publisher=self.version.publisher,
            snapshot_version=self.version.snapshot_version,
            root_version=self.version.root_version,
            created=self.version.created,
            tool=self.version.tool,
            sources=self.version.sources,
            targets=targets,
            documents=self.documents,
            blobs=members.blobs,
            patches=members.patches,
            parted=parted,
            since=self.since,
            volume_index=index,
            volume_count=count,
            absent=self.version.absent,
        )


def lay_out(
    version: NextVersion,
    arrivals: Arrivals,
    documents: Sequence[DocumentMember],
    store: BlobStore,
    *,
    volume_size: int | None,
    signers: int,
) -> tuple[Manifest, ...]:
    """Decide which volume carries what.

    1. Put members in order: what protects soonest for the fewest bytes comes first.
    2. Share them out among volumes, and cut what is larger than one.
    3. Name the parts of what was cut, and of what readers have some bytes of.
    4. Write one manifest per volume.

    Args:
        version: What is to be sealed.
        arrivals: How its targets travel.
        documents: How its documents are stored, in their order.
        store: Has all content; read where parts are cut.
        volume_size: What no file may exceed, in bytes; None for one file.
        signers: How many sign each manifest.

    Returns:
        A manifest per volume.

    Raises:
        UsageError: ``create.volume-size``.
        StorageError: The store cannot be read.
    """
    common, begun = _Common(version, tuple(documents), arrivals.since), arrivals.begun
    # 1. Order.
    ordered = _in_order(arrivals)
    # 2. Volumes. Without a size there is nothing to reckon: one volume takes all.
    pieces = [piece for member in ordered for piece in _pieces(member, begun)]
    fixed = 0 if volume_size is None else _fixed_bytes(common, arrivals.targets, signers) + _row_bytes(begun)
    planned = volumes.plan_volumes(pieces, fixed, volume_size)
    # 3. Parts. Bytes that readers have are not carried, unless the same bytes are carried for another content anyway.
    parts = {part: Part(_digest(store, part), part.length) for volume in planned for part in volume.slices}
    carried = {part.sha256 for part in parts.values()}
    carried |= {blob.sha256 for blob in arrivals.blobs if blob.sha256 not in begun}
    for part in _slices_present(begun):
        digest = _digest(store, part)
        parts[part] = Part(digest, part.length, held=digest not in carried)
    parted = _parted(parts, {blob.sha256: blob.length for blob in arrivals.blobs})
    cut = {one.sha256 for one in parted}
    targets = tuple(replace(t, arrives="parts") if t.sha256 in cut else t for t in arrivals.targets)
    # 4. Manifests.
    members = {member.name: member for member in ordered}
    taken: set[str] = set()
    return tuple(
        common.manifest(targets, _Members.of(volume, members, parts, taken), parted, index, len(planned))
        for index, volume in enumerate(planned, 1)
    )


@dataclass(frozen=True)
class _Members:
    """What one volume carries."""

    blobs: tuple[BlobMember, ...]
    patches: tuple[PatchMember, ...]

    @classmethod
    def of(
        cls,
        volume: Volume,
        members: Mapping[str, BlobMember | PatchMember],
        parts: Mapping[Slice, Part],
        carried: set[str],
    ) -> _Members:
        """Turn a plan into members. ``carried``: what other volumes carry; two parts may have one content."""
        whole = [members[name] for name in volume.whole]
        blobs = [member for member in whole if isinstance(member, BlobMember)]
        cut = (parts[part] for part in volume.slices)
        blobs += [BlobMember(part.sha256, part.length, "stored", part.sha256, part.length) for part in cut]
        own = {blob.sha256: blob for blob in blobs if blob.sha256 not in carried}
        carried.update(own)
        return cls(tuple(own.values()), tuple(member for member in whole if isinstance(member, PatchMember)))


def _in_order(arrivals: Arrivals) -> list[BlobMember | PatchMember]:
    """Return rules first, then patches, each by the order of the targets; then the rest, the shorter first.

    Archives of rules are far shorter than patterns, so that they too come before them.
    """
    most = {"deflate": TEXT_BYTES, "stored": SMALL_BYTES}
    text = {blob.sha256 for blob in arrivals.blobs if blob.length <= most[blob.method]}
    positions = {target.sha256: position for position, target in reversed(list(enumerate(arrivals.targets)))}

    def key(member: BlobMember | PatchMember) -> tuple[int, int, int]:
        if isinstance(member, PatchMember):
            return 1, 0, positions[member.sha256]
        position = positions[member.sha256]
        return (0, 0, position) if member.sha256 in text else (2, member.length, position)

    return sorted([*arrivals.blobs, *arrivals.patches], key=key)


def _pieces(member: BlobMember | PatchMember, begun: Mapping[str, Ranges]) -> Iterator[Piece]:
    """Yield what is to be shared out for a member: itself, or what is missing of it."""
    piece = _piece(member)
    if isinstance(member, PatchMember) or member.sha256 not in begun:
        yield piece
        return
    for first, behind in gaps_in(begun[member.sha256], 0, member.length):
        length = behind - first
        yield replace(piece, length=length, stored_length=length, offset=first, stretch=True)


def _slices_present(begun: Mapping[str, Ranges]) -> Iterator[Slice]:
    for digest in sorted(begun):
        yield from (Slice(BLOB_PREFIX + digest, first, behind - first) for first, behind in begun[digest])


def _row_bytes(begun: Mapping[str, Ranges]) -> int:
    """Return what the parts that readers have take in every manifest."""
    return sum(volumes.PARTED_ROW_BYTES + volumes.PART_ROW_BYTES * len(ranges) for ranges in begun.values())


def _piece(member: BlobMember | PatchMember) -> Piece:
    records = volumes.MEMBER_BYTES + 2 * len(member.name)
    if isinstance(member, PatchMember):
        overhead = records + volumes.PATCH_ROW_BYTES
        return Piece(member.name, member.patch_length, member.patch_length, overhead, divisible=False)
    return Piece(member.name, member.length, member.stored_length, records + volumes.BLOB_ROW_BYTES)


def _fixed_bytes(common: _Common, targets: tuple[Target, ...], signers: int) -> int:
    """Return what a volume takes that carries no content: an upper bound."""
    most = volumes.MAX_VOLUMES
    manifest = common.manifest(targets, _Members((), ()), (), most, most)
    names = [manifest_format.MANIFEST_NAME, "manifest.sig.json", *(document.name for document in manifest.documents)]
    text = len(manifest_format.encode_manifest(manifest)) + len(targets)  # "parts" is a letter longer than "blob"
    records = sum(volumes.MEMBER_BYTES + 2 * len(name) for name in names) + volumes.END_BYTES
    return (
        text + signers * _SIGNATURE_BYTES + 200 + records + sum(document.stored[2] for document in manifest.documents)
    )


def _parted(parts: Mapping[Slice, Part], lengths: Mapping[str, int]) -> tuple[Parted, ...]:
    of: dict[str, list[Part]] = {}
    for part in sorted(parts, key=lambda part: (part.key, part.offset)):
        of.setdefault(_sha256_of(part), []).append(parts[part])
    return tuple(Parted(digest, lengths[digest], tuple(of[digest])) for digest in sorted(of))


def _sha256_of(part: Slice) -> str:
    return part.key.rpartition("/")[2]


def _digest(store: BlobStore, part: Slice) -> str:
    hasher = sha256()
    for chunk in store.read_slice(_sha256_of(part), part.offset, part.length):
        hasher.update(chunk)
    return hasher.hexdigest()
