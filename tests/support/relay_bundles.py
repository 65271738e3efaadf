"""``BundleForge``: a publisher in memory whose bundles are valid by default, and who forges anything on demand.

    forge = BundleForge()
    forge.files["rules/a.rules"] = b"alert ..."
    forge.seal(tmp_path / "1.zip")                                   # version 1, valid
    forge.seal(tmp_path / "2.zip", since=1)                          # an increment
    forge.seal_volumes(tmp_path, 3, parts={"rules/large": 1000})     # version 3 in three volumes
    forge.seal(tmp_path / "4.zip", since=3, patched={"rules/a.rules": b"its content before"})
    forge.seal(tmp_path / "3.zip", Forgery(signers={"timestamp": [new_signer()]}))  # by a key of nobody's

It shares nothing with the bundler: what both agree on is the format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from manifests import manifest as manifest_format
from manifests.clock import Clock, instant_text
from manifests.container import deflate_content
from manifests.manifest import DocumentMember, Manifest, SourceRecord, signature
from manifests.manifest.types import bundle_file_name
from tests.support.relay_cargo import Cargo, digest_of, load, write_zip

CREATED = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)
"""When version 1 is made; each later version is a day younger."""
LIFETIME = timedelta(days=365)

_TOP = ("root", "timestamp", "snapshot", "targets")


def clock_at(instant: datetime) -> Clock:
    """Return a clock that stands still."""
    return lambda: instant


def new_signer() -> CryptoSigner:
    """Return a fresh Ed25519 signer."""
    return CryptoSigner.generate_ed25519()


@dataclass(frozen=True)
class Forgery:
    """What to do differently. Each hook changes its document before it is signed, ``members`` the finished ones.

    ``deflated`` changes which members are deflated, whatever the manifest says.
    ``signers`` replaces a role's signers; ``manifest`` counts as a role here.
    """

    root: Callable[[Root], None] | None = None
    timestamp: Callable[[Timestamp], None] | None = None
    snapshot: Callable[[Snapshot], None] | None = None
    targets: Callable[[str, Targets], None] | None = None
    manifest: Callable[[Manifest], Manifest] | None = None
    manifest_bytes: Callable[[bytes], bytes] | None = None
    members: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]] | None = None
    deflated: Callable[[set[str]], set[str]] | None = None
    signers: dict[str, list[CryptoSigner]] = field(default_factory=dict)


HONEST = Forgery()
NOTHING: Mapping[str, Any] = MappingProxyType({})


class BundleForge:
    """A publisher with one key per role.

    Args:
        publisher: Its name.
        lifetime: How long each version's roles are good for.

    Attributes:
        files: Target path to content: what the next bundle carries.
        said: Source to fields of its record in the manifest, such as ``{"fresh_days": 7}``.
        signers: Role to signers; change it and call :meth:`rotate` for an honest rotation.
        version: Version of the newest bundle.
        roots: Every root, oldest first.
        metadata: File name to bytes of the newest bundle's metadata.
        deflated_documents: Members, such as ``notes.md``, that the next bundle carries deflated.
    """

    def __init__(self, publisher: str = "forge", lifetime: timedelta = LIFETIME) -> None:
        self.publisher = publisher
        self.lifetime = lifetime
        self.files: dict[str, bytes] = {}
        self.said: dict[str, dict[str, Any]] = {}
        self.signers = {role: [new_signer()] for role in _TOP}
        self.version = 0
        self.roots: list[bytes] = []
        self.metadata: dict[str, bytes] = {}
        self.deflated_documents: set[str] = set()
        self._role_versions: dict[str, int] = {}
        self._meta: dict[str, MetaFile] = {}
        self._history: dict[int, set[str]] = {}
        self._created = CREATED
        self.rotate()

    @property
    def root(self) -> bytes:
        """The first root: what a site pins."""
        return self.roots[0]

    def created(self, version: int | None = None) -> datetime:
        """Return when a version was made, the newest by default."""
        return CREATED + timedelta(days=(version or self.version) - 1)

    def clock(self, after: timedelta = timedelta(hours=1)) -> Clock:
        """Return a clock that stands shortly after the newest version."""
        return clock_at(self.created() + after)

    def rotate(self, signers: dict[str, list[CryptoSigner]] | None = None, forgery: Forgery = HONEST) -> bytes:
        """Publish the next root, with new signers for the given roles, signed by the old and the new root keys."""
        old = self.signers["root"]
        self.signers |= signers or {}
        keys = {signer.public_key.keyid: signer.public_key for role in self.signers.values() for signer in role}
        roles = {
            role: Role([signer.public_key.keyid for signer in signers], len(signers))
            for role, signers in self.signers.items()
        }
        root = Root(
            len(self.roots) + 1,
            expires=CREATED + timedelta(days=3650),
            keys=keys,
            roles=roles,
            consistent_snapshot=True,
        )
        if forgery.root:
            forgery.root(root)
        both = {signer.public_key.keyid: signer for signer in (*old, *self.signers["root"])}
        self.roots.append(_sign(root, forgery.signers.get("root", list(both.values()))))
        return self.roots[-1]

    def seal(
        self,
        path: Path,
        forgery: Forgery = HONEST,
        *,
        since: int | None = None,
        deflated: Iterable[str] = (),
        patched: Mapping[str, bytes] = NOTHING,
        parts: Mapping[str, int] = NOTHING,
        begun: Iterable[bytes] = (),
        notes: bytes | None = None,
        created: datetime | None = None,
        again: bool = False,
    ) -> Path:
        """Write the next version's bundle.

        Args:
            path: Where.
            forgery: What to do differently.
            since: Leave out what that version carried: those targets are held.
            deflated: Target paths whose content is deflated.
            patched: Target path to the content that its patch stands on.
            parts: Target path to the length of the parts that it comes in.
            begun: Parts that the site has.
            notes: Release notes.
            created: When; by default a day after the version before.
            again: Seal the newest version once more, in another way.

        Returns:
            ``path``.
        """
        cargo = self._begin(forgery, since, deflated, patched, parts, created, again=again).without(begun)
        return self._write_volume(path, cargo, forgery, since=since, notes=notes)

    def seal_volumes(
        self,
        directory: Path,
        count: int,
        forgery: Forgery = HONEST,
        *,
        since: int | None = None,
        deflated: Iterable[str] = (),
        patched: Mapping[str, bytes] = NOTHING,
        parts: Mapping[str, int] = NOTHING,
        created: datetime | None = None,
        again: bool = False,
    ) -> list[Path]:
        """Write the next version's bundle in volumes under their usual names; content goes round, by path.

        Args:
            directory: Where.
            count: How many volumes.
            forgery: What to do differently in each.
            since: As for :meth:`seal`, and so are the others.
            deflated: See there.
            patched: See there.
            parts: See there.
            created: See there.
            again: See there.

        Returns:
            The files, by volume.
        """
        cargo = self._begin(forgery, since, deflated, patched, parts, created, again=again)
        paths = []
        for index in range(1, count + 1):
            share = replace(cargo, blobs=cargo.blobs[index - 1 :: count], patches=cargo.patches[index - 1 :: count])
            path = directory / bundle_file_name(self.publisher, self.version, since, index, count)
            paths.append(self._write_volume(path, share, forgery, since=since, volume=(index, count)))
        return paths

    def _begin(
        self,
        forgery: Forgery,
        since: int | None,
        deflated: Iterable[str],
        patched: Mapping[str, bytes],
        parts: Mapping[str, int],
        created: datetime | None,
        *,
        again: bool,
    ) -> Cargo:
        """Make the next version's metadata and say what has to travel."""
        if not again:
            self.version += 1
            self._created = created or self.created()
            self.metadata = self._metadata(self._created, forgery)
        held = self._history[since] if since is not None else set()
        self._history[self.version] = {digest_of(data) for data in self.files.values()}
        return load(self.files, held, deflated, patched, parts)

    def _write_volume(
        self,
        path: Path,
        cargo: Cargo,
        forgery: Forgery,
        *,
        since: int | None,
        notes: bytes | None = None,
        volume: tuple[int, int] = (1, 1),
    ) -> Path:
        documents = [(f"tuf/{name}", data) for name, data in self.metadata.items()]
        if notes is not None:
            documents.append(("notes.md", notes))
        manifest = Manifest(
            publisher=self.publisher,
            snapshot_version=self.version,
            root_version=len(self.roots),
            created=self._created,
            tool="forge",
            sources=tuple(self._record(name) for name in self._sources()),
            targets=cargo.targets,
            documents=tuple(self._document(name, data) for name, data in documents),
            blobs=tuple(blob.member for blob in cargo.blobs),
            patches=tuple(patch.member for patch in cargo.patches),
            parted=cargo.parted,
            since=since,
            volume_index=volume[0],
            volume_count=volume[1],
        )
        if forgery.manifest:
            manifest = forgery.manifest(manifest)
        manifest_bytes = manifest_format.encode_manifest(manifest)
        if forgery.manifest_bytes:
            manifest_bytes = forgery.manifest_bytes(manifest_bytes)
        signed = signature.sign_manifest(manifest_bytes, forgery.signers.get("manifest", self.signers["timestamp"]))
        members = [(manifest_format.MANIFEST_NAME, manifest_bytes), (signature.SIGNATURE_NAME, signed), *documents]
        members += [(blob.member.name, blob.content) for blob in cargo.blobs]
        members += [(patch.member.name, patch.data) for patch in cargo.patches]
        if forgery.members:
            members = forgery.members(members)
        deflated = {blob.member.name for blob in cargo.blobs if blob.member.method == "deflate"}
        deflated |= self.deflated_documents
        write_zip(path, members, forgery.deflated(deflated) if forgery.deflated else deflated)
        return path

    def _record(self, name: str) -> SourceRecord:
        return replace(SourceRecord(name, "directory", self._created, "none"), **self.said.get(name, {}))

    def _document(self, name: str, data: bytes) -> DocumentMember:
        made = deflate_content([data], len)
        stored = (made.stored_sha256, made.stored_length) if name in self.deflated_documents else None
        return DocumentMember(name, len(data), digest_of(data), stored)

    def _sources(self) -> list[str]:
        return sorted({path.partition("/")[0] for path in self.files})

    def _metadata(self, created: datetime, forgery: Forgery) -> dict[str, bytes]:
        expires = created + self.lifetime
        result = {f"{number}.root.json": data for number, data in enumerate(self.roots, 1)}
        targets_key = self.signers["targets"][0].public_key
        roles, below = {}, {}
        meta = self._meta  # a role that is gone stays listed (TUF 5.5.5)
        for source in self._sources():
            patterns = [source + "/*" * depth for depth in range(1, 16)]
            roles[source] = DelegatedRole(source, [targets_key.keyid], 1, terminating=True, paths=patterns)
            files = {p: data for p, data in self.files.items() if p.partition("/")[0] == source}
            role = Targets(
                self._role_version(source),
                expires=expires,
                targets={p: TargetFile(len(data), {"sha256": digest_of(data)}, p) for p, data in sorted(files.items())},
                unrecognized_fields={"x-sealift": {"pulled_at": instant_text(self._record(source).pulled_at)}},
            )
            below[source] = self._targets(source, role, forgery)
            meta[f"{source}.json"] = MetaFile(role.version)
        delegations = Delegations({targets_key.keyid: targets_key}, roles)
        policies = {source: _policy(self._record(source)) for source in self._sources()}
        top = Targets(
            self.version,
            expires=expires,
            targets={},
            delegations=delegations,
            unrecognized_fields={"x-sealift": {"sources": policies}},
        )
        data = self._targets("targets", top, forgery)
        snapshot = Snapshot(self.version, expires=expires, meta={**meta, "targets.json": MetaFile(top.version)})
        if forgery.snapshot:
            forgery.snapshot(snapshot)
        extension = {"created": instant_text(created), "root_version": len(self.roots)}
        timestamp = Timestamp(
            self.version,
            expires=expires,
            snapshot_meta=MetaFile(snapshot.version),
            unrecognized_fields={"x-sealift": extension},
        )
        if forgery.timestamp:
            forgery.timestamp(timestamp)
        result["timestamp.json"] = _sign(timestamp, forgery.signers.get("timestamp", self.signers["timestamp"]))
        result[f"{snapshot.version}.snapshot.json"] = _sign(
            snapshot, forgery.signers.get("snapshot", self.signers["snapshot"])
        )
        result[f"{top.version}.targets.json"] = data
        for source, role_data in below.items():
            result[f"{meta[f'{source}.json'].version}.{source}.json"] = role_data
        return result

    def _role_version(self, source: str) -> int:
        """Give a role its next version; its expiry is new each time, so its bytes are too."""
        self._role_versions[source] = self._role_versions.get(source, 0) + 1
        return self._role_versions[source]

    def _targets(self, name: str, role: Targets, forgery: Forgery) -> bytes:
        if forgery.targets:
            forgery.targets(name, role)
        return _sign(role, forgery.signers.get(name, self.signers["targets"]))


def _policy(record: SourceRecord) -> dict[str, Any]:
    said = {"fresh_days": record.fresh_days, "mount": record.mount, "deliver": record.deliver}
    return {key: value for key, value in said.items() if value is not None}


def _sign(signed: Root | Timestamp | Snapshot | Targets, signers: list[CryptoSigner]) -> bytes:
    metadata: Metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))
