"""Which rule packs of the served generation are for the manager."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from manifests.archives.rulepack import Release
from manifests.disk.blobs import Blob, BlobStore
from manifests.errors import ConfigurationError, IncompleteError, NotAuthenticError
from relay.rings.policy import DEFAULT_RING
from relay.state import State


@dataclass(frozen=True)
class CarriedRulePack:
    """One rule pack: the name that the manager gets it under, where it comes from, and its content."""

    name: str
    path: str
    blob: Blob

    @classmethod
    def of_target(cls, path: str, blob: Blob) -> CarriedRulePack:
        """Return a target as a rule pack under its own file name."""
        return cls(path.rpartition("/")[2], path, blob)

    @property
    def release(self) -> Release | None:
        """What the file is named by, if it is."""
        return Release.of_file(self.name)


def list_rule_packs(state: State, sources: Sequence[str]) -> tuple[int, tuple[CarriedRulePack, ...]]:
    """Return the generation that is served and its rule packs, the oldest first.

    Args:
        state: Open.
        sources: Whose targets are rule packs.

    Raises:
        IncompleteError: ``manager.nothing``: nothing was imported yet.
        ConfigurationError: ``manager.source``: the generation has nothing of a source; ``manager.duplicate``: two
            packs have one name.
    """
    with state.snapshot():
        ring = state.publications.find_ring(DEFAULT_RING)
        targets = [(path, blob) for path, blob, _ in state.publications.list_files(DEFAULT_RING)]
    if ring.generation is None:
        raise IncompleteError("manager.nothing", "No bundle was imported yet", todo="relay import FILE")
    packs: dict[str, CarriedRulePack] = {}
    for source in sources:
        mine = [CarriedRulePack.of_target(path, blob) for path, blob in targets if path.startswith(f"{source}/")]
        if not mine:
            raise ConfigurationError(
                "manager.source",
                f"Generation {ring.generation} has nothing of the source {source}",
                have=", ".join(sorted({path.partition("/")[0] for path, _ in targets})) or "nothing at all",
                todo="correct manager.sources in relay.toml, or import a bundle that has it",
            )
        for pack in mine:
            if pack.name in packs:
                raise ConfigurationError(
                    "manager.duplicate",
                    f"Two rule packs are named {pack.name}",
                    have=f"{packs[pack.name].path} and {pack.path}",
                )
            packs[pack.name] = pack
    return ring.generation, tuple(sorted(packs.values(), key=lambda pack: (pack.release or Release(0, 0), pack.name)))


def load_verified_content(store: BlobStore, pack: CarriedRulePack) -> bytes:
    """Return the bytes of a rule pack, hashed once more before a manager gets them.

    Raises:
        NotAuthenticError: ``blob.digest``: the store is damaged.
        StorageError: The file cannot be read.
    """
    content = b"".join(store.read(pack.blob.sha256))
    found = hashlib.sha256(content).hexdigest()
    if found != pack.blob.sha256:
        raise NotAuthenticError(
            "blob.digest",
            f"The stored content of {pack.path} is damaged, and is not sent",
            have=found,
            need=pack.blob.sha256,
            todo="relay check --discard, then import the bundle again",
        )
    return content
