"""Content out of a believed bundle into the store: blobs, parts and patches, in one pass over the file.

Everything is hashed on the way. A member that is damaged is left out and reported; the others are taken.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from manifests import patches
from manifests.bundle.verify import VerifiedBundle
from manifests.byte_ranges import Range
from manifests.disk.blobs import Batch, Blob, check_blob
from manifests.disk.durable import storage_errors
from manifests.errors import IncompleteError, MalformedError, NotAuthenticError
from manifests.manifest import BlobMember, PatchMember, Target
from manifests.text import count_text
from relay.context import Context
from relay.importing.damaged import MemberDamage, UnreadableError, read_content
from relay.store.parts import PartAssembly, PartSlot, slots_of_parts


@dataclass(frozen=True)
class TakenContent:
    """What came of a pass.

    ``new`` counts members that brought something; ``parts`` is what to record, by digest; ``rotten_bytes`` had come
    before and are not what they were.
    """

    new: int
    bytes_read: int
    damage: tuple[MemberDamage, ...]
    parts: dict[str, tuple[Range, ...]]
    rotten_bytes: int = 0


class ContentIntake:
    """One pass over one bundle.

    Args:
        context: The relay's, its home locked.
        bundle: Believed, its file open.
        recorded: Which parts are in, as the state says.
        all_or_nothing: The first damaged member ends the pass, and nothing is taken.
    """

    def __init__(
        self,
        context: Context,
        bundle: VerifiedBundle,
        recorded: dict[str, tuple[Range, ...]],
        *,
        all_or_nothing: bool = False,
    ) -> None:
        self._store = context.home.store
        self._bundle = bundle
        self._manifest = bundle.manifest
        self._progress = context.progress
        self._cancel = context.cancel
        self._all_or_nothing = all_or_nothing
        self._recorded = recorded
        self._slots = slots_of_parts(bundle.manifest)
        self._whole = {target.sha256 for target in bundle.manifest.targets if target.arrives == "blob"}
        self._damage: list[MemberDamage] = []
        self._new = 0
        self._read = 0

    def list_missing(self) -> tuple[Target, ...]:
        """Return the targets whose content is not here."""
        targets = self._manifest.targets
        return tuple(target for target in targets if not self._store.has_blob(Blob(target.sha256, target.length)))

    def brings_anything(self) -> bool:
        """Tell whether the bundle carries anything that is not here."""
        with self._assembly() as assembly:
            blobs = any(self._wanted(blob) or self._lacking(assembly, blob) for blob in self._manifest.blobs)
        return blobs or any(self._wanted(patch) for patch in self._manifest.patches)

    def lacking_bases(self) -> tuple[PatchMember, ...]:
        """Return the patches that are needed and stand on content that is not here."""
        return tuple(
            patch
            for patch in self._manifest.patches
            if self._wanted(patch) and not self._store.has_blob(Blob(patch.base_sha256, patch.base_length))
        )

    def lacking_parts(self) -> frozenset[str]:
        """Return the digests of content of which a part is taken for held and is not here."""
        held = {part.sha256 for parted in self._manifest.parted for part in parted.parts if part.held}
        slots = (slot for sha256 in held for slot in self._slots[sha256] if not self._store.has_blob(slot.whole))
        with self._assembly() as assembly:
            return frozenset(slot.whole.sha256 for slot in assembly.unfilled_slots(slots))

    def measure_room(self) -> int:
        """Return how many bytes of the disk the pass may take."""
        manifest = self._manifest
        members: tuple[BlobMember | PatchMember, ...] = (*manifest.blobs, *manifest.patches)
        fresh = sum(member.length for member in members if self._wanted(member))
        fresh += max((patch.patch_length for patch in manifest.patches), default=0)
        with self._assembly() as assembly:
            wholes = {slot.whole for blob in manifest.blobs for slot in self._lacking(assembly, blob)}
        return fresh + sum(whole.length for whole in wholes if whole.sha256 not in self._recorded)

    def take_content(self) -> TakenContent:
        """Take everything that is undamaged; it is durable when this returns.

        Raises:
            IncompleteError: ``base.damaged``: a patch does not apply, since its base is not what it was.
            NotAuthenticError: ``blob.digest``: a patch or parts, each as signed, do not make what was signed.
            MalformedError: ``patch.*``.
            StorageError: The store's disk is full, read-only or failing; nothing is taken.
        """
        with self._store.batch() as batch, self._assembly() as assembly:
            for blob in self._manifest.blobs:
                with self._noting(blob, needed=self._wanted(blob) or bool(self._lacking(assembly, blob))):
                    self._take_blob(blob, batch, assembly)
            for patch in self._manifest.patches:
                with self._noting(patch, needed=self._wanted(patch)):
                    self._take_patch(patch, batch)
            parts = assembly.finish_blobs()
            batch.commit()
        return TakenContent(self._new, self._read, tuple(self._damage), parts, assembly.rotten_bytes)

    @contextmanager
    def _noting(self, member: BlobMember | PatchMember, *, needed: bool) -> Iterator[None]:
        """Note the damage of a member and go on; any other failure ends the pass."""
        try:
            yield
        except UnreadableError as unreadable:
            if self._all_or_nothing:
                raise unreadable.error from unreadable
            self._damage.append(MemberDamage(member.name, unreadable.error, needed))
        else:
            self._new += needed

    def _take_blob(self, blob: BlobMember, batch: Batch, assembly: PartAssembly) -> None:
        lacking = self._lacking(assembly, blob)
        chunks = assembly.write_part(lacking, self._counted(read_content(self._bundle.content(blob))))
        try:
            if self._wanted(blob):
                batch.add(chunks, Blob(blob.sha256, blob.length))
            else:
                check_blob(chunks, Blob(blob.sha256, blob.length))
        except NotAuthenticError as error:  # the digest of what the bundle gave
            raise UnreadableError(error) from error
        assembly.mark_filled(lacking)

    def _take_patch(self, patch: PatchMember, batch: Batch) -> None:
        """Apply a patch once all of it is known to be the signed one."""
        path = self._store.temporary / f"blob-patch-{secrets.token_hex(8)}"
        with _removed_in_the_end(path):
            with storage_errors(path), path.open("xb") as file:
                for chunk in read_content(self._bundle.patch(patch)):
                    file.write(chunk)
            if self._wanted(patch):
                self._apply(patch, path, batch)

    def _apply(self, patch: PatchMember, path: Path, batch: Batch) -> None:
        base = self._store.path(patch.base_sha256)
        expected = Blob(patch.sha256, patch.length)
        try:
            batch.add(self._counted(patches.apply_patch(patch.engine, base, path, expected)), expected)
        except (MalformedError, NotAuthenticError) as error:
            if self._store.digest(patch.base_sha256).sha256 == patch.base_sha256:
                raise
            raise IncompleteError(
                "base.damaged",
                f"A patch does not apply, since the content that it stands on is damaged here: {patch.base_sha256}",
                need=f"{count_text(patch.base_length, 'byte')} with that sha256",
                todo="relay check --discard, then relay receipt, and with it in the DMZ: bundle create --since RECEIPT",
            ) from error

    def _assembly(self) -> PartAssembly:
        parts = {parted.sha256: parted.parts for parted in self._manifest.parted}
        return PartAssembly(self._store, self._recorded, parts)

    def _wanted(self, member: BlobMember | PatchMember) -> bool:
        """Tell whether a member makes content of a target that is not here."""
        if isinstance(member, BlobMember) and member.sha256 not in self._whole:
            return False
        return not self._store.has_blob(Blob(member.sha256, member.length))

    def _lacking(self, assembly: PartAssembly, blob: BlobMember) -> tuple[PartSlot, ...]:
        """Return the slots of a part that are neither filled nor in a blob that is here."""
        slots = (slot for slot in self._slots.get(blob.sha256, ()) if not self._store.has_blob(slot.whole))
        return assembly.unfilled_slots(slots)

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._cancel.raise_if_cancelled()
            yield chunk
            self._read += len(chunk)
            self._progress.advance(len(chunk))


@contextmanager
def _removed_in_the_end(path: Path) -> Iterator[None]:
    """Remove a file after the block, however it ends."""
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
