"""The publisher's TUF repository: what every TUF client reads, verified when it is loaded and written durably.

Consistent snapshots, one delegated role per source, exactly one SHA-256 per target, compact JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from bundler.repository import delegations
from bundler.repository import floor as version_floor
from bundler.repository.delegations import Authority, authority_of
from manifests.disk import durable
from manifests.errors import ConfigurationError

TIMESTAMP = "timestamp.json"

Signers = Callable[[str], Sequence[Signer]]
"""Gives the signers of a role that are at hand."""

Content = TypeVar("Content", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True)
class RoleRunway:
    """Until when a role is good. ``days`` are whole days left, negative once expired."""

    role: str
    expires_at: datetime
    days: int


@dataclass(frozen=True)
class Repository:
    """The repository as it stands in its directory.

    Args:
        directory: Where the metadata files are.
        roots: The bytes of every root, version 1 first; each is verified by the one before.
        timestamp: None before the first bundle; so is ``snapshot``.
        targets: Every targets role that is delegated to now, ``targets`` included; empty before the first bundle.
        wishes: Who shall sign for a source from the next bundle on, where that is not the ``targets`` keys.
        floor: What every role's version must be above from the next bundle on, see :mod:`bundler.jobs.renumber`.
    """

    directory: Path
    roots: tuple[bytes, ...]
    root: Root
    timestamp: Metadata[Timestamp] | None
    snapshot: Metadata[Snapshot] | None
    targets: Mapping[str, Metadata[Targets]]
    wishes: Mapping[str, Authority]
    floor: int = 0

    @classmethod
    def load(cls, directory: Path) -> Repository:
        """Read the repository and verify its chain of roots.

        Raises:
            ConfigurationError: ``repository.damaged``.
            StorageError: A file cannot be read.
        """
        files = _Files(directory)
        roots, root = files.roots()
        timestamp = files.read(TIMESTAMP, Timestamp) if (directory / TIMESTAMP).exists() else None
        snapshot = None
        targets: dict[str, Metadata[Targets]] = {}
        if timestamp is not None:
            snapshot = files.read(f"{timestamp.signed.snapshot_meta.version}.snapshot.json", Snapshot)
            targets = files.all_targets(snapshot.signed)
        wishes = delegations.read_delegations(wishes_path(directory))
        return cls(directory, roots, root, timestamp, snapshot, targets, wishes, version_floor.read_floor(directory))

    @property
    def snapshot_version(self) -> int:
        """Version of the newest snapshot, 0 before the first."""
        return 0 if self.snapshot is None else self.snapshot.signed.version

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources that have a delegated role now, sorted."""
        return tuple(sorted(role for role in self.targets if role != Targets.type))

    def authority(self, role: str) -> Authority:
        """Return who may sign for a role from the next version on."""
        if role in self.wishes:
            return self.wishes[role]
        return authority_of(self.root, role if role in self.root.roles else Targets.type)


def write_metadata(directory: Path, documents: Sequence[tuple[str, bytes]]) -> None:
    """Write staged documents durably: versioned ones first, timestamp, which makes them current, last.

    Doing it again, or finishing what a crash interrupted, is harmless.

    Raises:
        StorageError: The disk is full, read-only or failing; the old version is still current.
    """
    durable.make_directory(directory)
    for name, data in sorted(documents, key=lambda document: document[0] == TIMESTAMP):
        path = directory / name
        with durable.storage_errors(path):
            same = path.exists() and path.read_bytes() == data
        if not same:
            durable.write_file(path, data)


def wishes_path(directory: Path) -> Path:
    """Return where the wished delegations of a repository stand."""
    return directory.parent / "delegations.json"


def role_runways(repository: Repository, now: datetime) -> tuple[RoleRunway, ...]:
    """Return until when each role is good, the one that ends first before the others."""
    signed: dict[str, Signed] = {Root.type: repository.root}
    signed |= {role: metadata.signed for role, metadata in repository.targets.items()}
    if repository.snapshot is not None and repository.timestamp is not None:
        signed |= {Snapshot.type: repository.snapshot.signed, Timestamp.type: repository.timestamp.signed}
    rows = [RoleRunway(role, content.expires, (content.expires - now).days) for role, content in signed.items()]
    return tuple(sorted(rows, key=lambda row: (row.expires_at, row.role)))


class _Files:
    """Reads the directory's files into types."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str, kind: type[Content]) -> Metadata[Content]:
        return self._decode(name, self._bytes(name), kind)

    def roots(self) -> tuple[tuple[bytes, ...], Root]:
        documents: list[bytes] = []
        trusted: Root | None = None
        while trusted is None or (self._directory / f"{trusted.version + 1}.root.json").exists():
            name = f"{len(documents) + 1}.root.json"
            data = self._bytes(name)
            metadata: Metadata[Root] = self._decode(name, data, Root)
            try:
                for root in (trusted or metadata.signed, metadata.signed):
                    root.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
            except (RepositoryError, ValueError) as error:
                raise self._damaged(name, str(error)) from None
            if metadata.signed.version != len(documents) + 1:
                raise self._damaged(name, f"it holds version {metadata.signed.version}")
            documents.append(data)
            trusted = metadata.signed
        return tuple(documents), trusted

    def all_targets(self, snapshot: Snapshot) -> dict[str, Metadata[Targets]]:
        """Read the targets role and every role it delegates to; others live on in the snapshot by name only."""
        top = self.read(_versioned(Targets.type, snapshot), Targets)
        roles = top.signed.delegations.roles if top.signed.delegations else None
        return {
            Targets.type: top,
            **{role: self.read(_versioned(role, snapshot), Targets) for role in sorted(roles or {})},
        }

    def _bytes(self, name: str) -> bytes:
        path = self._directory / name
        with durable.storage_errors(path):
            if not path.exists():
                raise self._damaged(name, "it is missing")
            return path.read_bytes()

    def _decode(self, name: str, data: bytes, kind: type[Content]) -> Metadata[Content]:
        try:
            metadata: Metadata[Content] = Metadata.from_bytes(data)
        except DeserializationError as error:
            raise self._damaged(name, str(error.__cause__ or error)) from None
        if not isinstance(metadata.signed, kind):
            raise self._damaged(name, f"it is not {kind.type} metadata")
        return metadata

    def _damaged(self, name: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            "repository.damaged",
            f"{self._directory / name}: {why}",
            todo="bring the home back from its backup",
        )


def _versioned(role: str, snapshot: Snapshot) -> str:
    return f"{snapshot.meta[f'{role}.json'].version}.{role}.json"
