"""From what is to be sealed to the manifests: one per volume, each whole by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from bundler.plan import volumes
from bundler.plan.volumes import Piece, Slice, Volume
from manifests import manifest as manifest_format
from manifests.blobs import CHUNK_BYTES, BlobStore
from manifests.byte_ranges import Ranges, gaps_in
from manifests.durable import storage_errors
from manifests.manifest import (
    BLOB_PREFIX,
    NOTES_NAME,
    TUF_PREFIX,
    BlobMember,
    DocumentMember,
    Manifest,
    Part,
    Parted,
    PatchMember,
    SourceRecord,
    Target,
)

NOTHING_BEGUN: Mapping[str, Ranges] = {}

TEXT_BYTES = 16 * 1024 * 1024
"""Compressible content up to this length goes first: rules protect before patterns have come."""
SMALL_BYTES = 64 * 1024
"""Anything up to this length does too: it keeps nothing waiting, and a rule of some lines does not compress."""

_SIGNATURE_BYTES = 4096 + 200
"""Per signer: hex digits of RSA with 16,384 bits, and what stands around them."""


@dataclass(frozen=True)
class Contents:
    """Everything that is to be sealed.

    ``metadata`` is the TUF file names with their bytes, roots first. Targets are ``held``, ``patch`` or ``blob``;
    the layout makes ``parts`` of what is larger than a volume.
    """

    publisher: str
    snapshot_version: int
    root_version: int
    created: datetime
    tool: str
    sources: tuple[SourceRecord, ...]
    targets: tuple[Target, ...]
    metadata: tuple[tuple[str, bytes], ...]
    notes: bytes | None = None
    since: int | None = None

    @property
    def documents(self) -> tuple[tuple[str, bytes], ...]:
        """The documents, by the names of their members, in the order of the zip."""
        notes = () if self.notes is None else ((NOTES_NAME, self.notes),)
        return (*((TUF_PREFIX + name, data) for name, data in self.metadata), *notes)


def lay_out(
    contents: Contents,
    documents: Sequence[DocumentMember],
    blobs: Sequence[BlobMember],
    patches: Sequence[PatchMember],
    store: BlobStore,
    *,
    volume_size: int | None,
    signers: int,
    begun: Mapping[str, Ranges] = NOTHING_BEGUN,
) -> tuple[Manifest, ...]:
    """Decide which volume carries what.

    Args:
        contents: What is to be sealed.
        documents: How its documents are stored, in their order.
        blobs: Of the targets that arrive as blobs, each once, in the order of the targets.
        patches: Of the targets that arrive as patches, in the order of the targets.
        store: Holds all content; read where parts are cut.
        volume_size: What no file may exceed, in bytes; None for one file.
        signers: How many sign each manifest.
        begun: Of targets that arrive as blobs, by digest: bytes that every reader has, so that the rest is carried.

    Returns:
        A manifest per volume.

    Raises:
        UsageError: ``create.volume-size``.
        StorageError: The store cannot be read.
    """
    whole = _manifest(contents, documents)
    ordered = _in_order(contents.targets, blobs, patches)
    pieces = [piece for member in ordered for piece in _pieces(member, begun)]
    fixed = 0 if volume_size is None else _fixed(whole, signers) + _rows(begun)
    planned = volumes.plan(pieces, fixed, volume_size)
    parts = {part: Part(_digest(store, part), part.length) for volume in planned for part in volume.slices}
    carried = {part.sha256 for part in parts.values()} | {blob.sha256 for blob in blobs if blob.sha256 not in begun}
    for part in _held(begun):
        digest = _digest(store, part)
        parts[part] = Part(digest, part.length, held=digest not in carried)
    parted = _parted(parts, {blob.sha256: blob.length for blob in blobs})
    cut = {one.sha256 for one in parted}
    targets = tuple(replace(t, arrives="parts") if t.sha256 in cut else t for t in contents.targets)
    members = {member.name: member for member in ordered}
    taken: set[str] = set()
    manifests = []
    for index, volume in enumerate(planned, 1):
        own = _Members.of(volume, members, parts, taken)
        manifests.append(
            replace(
                whole,
                targets=targets,
                blobs=own.blobs,
                patches=own.patches,
                parted=parted,
                volume_index=index,
                volume_count=len(planned),
            )
        )
    return tuple(manifests)


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


def _manifest(contents: Contents, documents: Sequence[DocumentMember]) -> Manifest:
    return Manifest(
        publisher=contents.publisher,
        snapshot_version=contents.snapshot_version,
        root_version=contents.root_version,
        created=contents.created,
        tool=contents.tool,
        sources=contents.sources,
        targets=contents.targets,
        documents=tuple(documents),
        blobs=(),
        since=contents.since,
    )


def _in_order(
    targets: Sequence[Target], blobs: Sequence[BlobMember], patches: Sequence[PatchMember]
) -> list[BlobMember | PatchMember]:
    """Return rules first, then patches, each by the order of the targets; then the rest, the shorter first.

    Archives of rules are far shorter than patterns, so that they too come before them.
    """
    most = {"deflate": TEXT_BYTES, "stored": SMALL_BYTES}
    text = {blob.sha256 for blob in blobs if blob.length <= most[blob.method]}
    places = {target.sha256: place for place, target in reversed(list(enumerate(targets)))}

    def key(member: BlobMember | PatchMember) -> tuple[int, int, int]:
        if isinstance(member, PatchMember):
            return 1, 0, places[member.sha256]
        return (0, 0, places[member.sha256]) if member.sha256 in text else (2, member.length, places[member.sha256])

    return sorted([*blobs, *patches], key=key)


def _pieces(member: BlobMember | PatchMember, begun: Mapping[str, Ranges]) -> Iterator[Piece]:
    """Yield what is to be placed for a member: itself, or what is missing of it."""
    piece = _piece(member)
    if isinstance(member, PatchMember) or member.sha256 not in begun:
        yield piece
        return
    for first, behind in gaps_in(begun[member.sha256], 0, member.length):
        length = behind - first
        yield replace(piece, length=length, stored_length=length, offset=first, stretch=True)


def _held(begun: Mapping[str, Ranges]) -> Iterator[Slice]:
    for digest in sorted(begun):
        yield from (Slice(BLOB_PREFIX + digest, first, behind - first) for first, behind in begun[digest])


def _rows(begun: Mapping[str, Ranges]) -> int:
    """Return what the parts that are held take in every manifest."""
    return sum(volumes.PARTED_ROW_BYTES + volumes.PART_ROW_BYTES * len(ranges) for ranges in begun.values())


def _piece(member: BlobMember | PatchMember) -> Piece:
    records = volumes.MEMBER_BYTES + 2 * len(member.name)
    if isinstance(member, PatchMember):
        overhead = records + volumes.PATCH_ROW_BYTES
        return Piece(member.name, member.patch_length, member.patch_length, overhead, divisible=False)
    return Piece(member.name, member.length, member.stored_length, records + volumes.BLOB_ROW_BYTES)


def _fixed(manifest: Manifest, signers: int) -> int:
    """Return what a volume takes that carries no content: an upper bound."""
    names = [manifest_format.MANIFEST_NAME, "manifest.sig.json", *(document.name for document in manifest.documents)]
    bare = replace(manifest, volume_index=volumes.MAX_VOLUMES, volume_count=volumes.MAX_VOLUMES)
    text = len(manifest_format.encode_manifest(bare)) + len(bare.targets)  # "parts" is a letter longer than "blob"
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
    for chunk in read_slice(store, _sha256_of(part), part.offset, part.length):
        hasher.update(chunk)
    return hasher.hexdigest()


def read_slice(store: BlobStore, digest: str, offset: int, length: int) -> Iterable[bytes]:
    """Yield a piece of a blob's content.

    Raises:
        StorageError: The store cannot be read.
    """
    with storage_errors(store.path(digest)), store.path(digest).open("rb", buffering=0) as file:
        while length:
            chunk = os.pread(file.fileno(), min(CHUNK_BYTES, length), offset)
            if not chunk:
                return
            yield chunk
            offset += len(chunk)
            length -= len(chunk)
