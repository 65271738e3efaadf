"""What is outstanding of a generation that arrives in pieces, and what to ask the publisher for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from manifests.byte_ranges import Range
from manifests.clock import instant_text
from manifests.disk.blobs import Blob, BlobStore
from manifests.text import count_text
from relay.state import ArrivingGeneration, ArrivingVolume, GenerationTarget, State
from relay.store.parts import assembled_ranges


@dataclass(frozen=True)
class OutstandingContent:
    """What a generation lacks that has arrived in part.

    Of the set of bundles that was seen last: ``volume_count`` in it, ``seen`` by index, ``damaged`` those of
    them that could not be read whole. ``missing_targets`` counts paths, ``missing_bytes`` content.
    """

    generation: int
    publisher: str
    created: datetime
    since: int | None
    volume_count: int
    seen: tuple[int, ...]
    damaged: tuple[int, ...]
    targets: int
    missing_targets: int
    missing_bytes: int

    @property
    def unseen(self) -> tuple[int, ...]:
        """Volumes that nobody has brought yet."""
        return tuple(index for index in range(1, self.volume_count + 1) if index not in self.seen)

    @property
    def have(self) -> str:
        """What is here, for people."""
        volumes = f"{_volumes(self.seen)} of {self.volume_count}, " if self.volume_count > 1 else ""
        held = f"{self.targets - self.missing_targets:,} of {count_text(self.targets, 'file')}"
        return f"{volumes}{held} of generation {self.generation}"

    @property
    def need(self) -> str:
        """What is not, for people."""
        content = f"{count_text(self.missing_targets, 'file')}, {count_text(self.missing_bytes, 'byte')}"
        if not self.missing_targets:
            return "none of its content, only a bundle of it that is whole"
        return f"{_volumes(self.unseen)} of {self.volume_count}: {content}" if self.unseen else content

    @property
    def todo(self) -> str:
        """What to do, with the command to type in the DMZ."""
        again = f"bundle create --again {self.generation}"
        rest = "for just the rest: relay receipt, and with it in the DMZ: bundle create --since RECEIPT"
        if self.unseen:
            return f"import {self._name(self.unseen[0])}; if it is lost, in the DMZ: {again}; {rest}"
        return f"import {self._name((*self.damaged, 1)[0])} from an undamaged copy (in the DMZ: {again}); {rest}"

    def _name(self, index: int) -> str:
        from manifests.manifest.types import bundle_file_name  # not for a status that needs none

        return bundle_file_name(self.publisher, self.generation, self.since, index, self.volume_count)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "generation": self.generation,
            "publisher": self.publisher,
            "created": instant_text(self.created),
            "volume_count": self.volume_count,
            "volumes_seen": list(self.seen),
            "volumes_damaged": list(self.damaged),
            "targets": self.targets,
            "missing_targets": self.missing_targets,
            "missing_bytes": self.missing_bytes,
            "need": self.need,
            "do": self.todo,
        }


@dataclass(frozen=True)
class ArrivedContent:
    """What a receipt says of pending generations: the newest one's number, and what is stored for them alone.

    ``holds`` are digests, ``parts`` the bytes of a content that comes in parts, by its digest.
    """

    generation: int
    holds: frozenset[str]
    parts: Mapping[str, tuple[Range, ...]] = field(default_factory=dict)


def list_outstanding(state: State, store: BlobStore) -> tuple[OutstandingContent, ...]:
    """Return what each arriving generation lacks, oldest first."""
    parts = state.arriving.load_parts()
    return tuple(_outstanding(found, state, store, parts) for found in state.arriving.list_generations())


def find_outstanding(number: int, state: State, store: BlobStore) -> OutstandingContent:
    """Return what one arriving generation lacks."""
    found = next(found for found in state.arriving.list_generations() if found.number == number)
    return _outstanding(found, state, store, state.arriving.load_parts())


def find_arrived_content(state: State, store: BlobStore) -> ArrivedContent | None:
    """Return what has arrived of generations that are not whole, for a receipt; ``None`` without one.

    Content of generations that are here is left out: the receipt tells of it already.
    """
    found = state.arriving.list_generations()
    if not found:
        return None
    told = {target.sha256 for target in state.generations.list_targets()}
    targets = (target for generation in found for target in state.arriving.list_targets(generation.number))
    blobs = {Blob(target.sha256, target.length) for target in targets}
    held = {blob for blob in blobs if store.has_blob(blob)}
    recorded = state.arriving.load_parts()
    parts = {blob.sha256: assembled_ranges(store, blob, recorded) for blob in blobs - held}
    return ArrivedContent(
        found[-1].number,
        frozenset(blob.sha256 for blob in held if blob.sha256 not in told),
        {sha256: ranges for sha256, ranges in parts.items() if ranges},
    )


def find_newest_whole(state: State, store: BlobStore) -> int:
    """Return the newest generation of which all content is here, 0 without one: what to ask an increment since."""
    for generation in reversed(state.generations.list_generations()):
        if not find_missing_targets(state.generations.list_targets(generation.number), store):
            return generation.number
    return 0


def find_missing_targets(targets: Iterable[GenerationTarget], store: BlobStore) -> tuple[GenerationTarget, ...]:
    """Return the targets whose content is not here."""
    return tuple(target for target in targets if not store.has_blob(Blob(target.sha256, target.length)))


def _outstanding(
    found: ArrivingGeneration, state: State, store: BlobStore, parts: Mapping[str, tuple[Range, ...]]
) -> OutstandingContent:
    targets = tuple(state.arriving.list_targets(found.number))
    lacking = find_missing_targets(targets, store)
    left = 0
    for blob in {Blob(target.sha256, target.length) for target in lacking}:
        left += blob.length - sum(behind - first for first, behind in assembled_ranges(store, blob, parts))
    volumes = _newest_set(found.volumes)
    return OutstandingContent(
        generation=found.number,
        publisher=found.publisher,
        created=found.created,
        since=volumes[0].since,
        volume_count=volumes[0].count,
        seen=tuple(volume.index for volume in volumes),
        damaged=tuple(volume.index for volume in volumes if not volume.whole),
        targets=len(targets),
        missing_targets=len(lacking),
        missing_bytes=left,
    )


def _newest_set(volumes: tuple[ArrivingVolume, ...]) -> tuple[ArrivingVolume, ...]:
    """Return the volumes that belong together with the one seen last, by index."""
    last = volumes[-1]
    same = [volume for volume in volumes if (volume.count, volume.since) == (last.count, last.since)]
    return tuple(sorted(same, key=lambda volume: volume.index))


def _volumes(indexes: tuple[int, ...]) -> str:
    listed = ", ".join(map(str, indexes[:20])) + (", ..." if len(indexes) > 20 else "")
    return f"volume {listed}" if len(indexes) == 1 else f"volumes {listed}"
