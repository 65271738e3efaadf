"""When to believe a bundle: the verification order over container, trust, manifest and signature.

1. structure of the zip, whole (:mod:`manifests.container`)
2. root chain from the pinned root (TUF 5.3)
3. signature over the manifest's exact bytes, by keys of the timestamp role
4. timestamp, snapshot, targets, delegations (TUF 5.4-5.6)
5. the manifest agrees with the metadata and with the members, one to one
6. content, while it is written into a store: digest of the stored bytes and of the content

Steps 1-5 read metadata only and happen in :func:`verify_bundle`; step 6 in :meth:`VerifiedBundle.content`
and the store that takes it. Nothing is visible before step 6 has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from manifests import manifest as manifest_format
from manifests.bundle.members import not_as_signed, other_stored_bytes, read_member, read_required_member
from manifests.container import Member, MemberReader, member_placed_at, read_directory, read_front
from manifests.errors import MalformedError, NotAuthenticError
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.manifest import NOTES_NAME, TUF_PREFIX, BlobMember, Manifest, PatchMember, signature
from manifests.text import count_text
from manifests.trust import (
    SourcePolicy,
    TrustedState,
    Workflow,
    load_all_roles,
    read_policies,
    read_pulled_at,
    update_roots,
)


@dataclass(frozen=True)
class VerifiedBundle:
    """A bundle whose metadata is believed. Valid while its file is open.

    ``state`` is what to trust from now on, once the content is stored; ``documents`` are the exact
    bytes of ``tuf/*`` and ``notes.md`` by member name, in file order. ``whole`` is false when only the
    front of the file was believed (:func:`verify_bundle_front`): such a bundle must not become a generation.
    """

    manifest: Manifest
    manifest_bytes: bytes
    signature_bytes: bytes
    state: TrustedState
    documents: tuple[tuple[str, bytes], ...]
    _file: BinaryIO = field(repr=False)
    _members: Mapping[str, Member] = field(repr=False)
    _limits: Limits = field(repr=False)
    whole: bool = True

    @property
    def bytes_to_store(self) -> int:
        """Room that the content takes in a store that has none of it yet, in bytes; what patches make included."""
        made = sum(patch.length for patch in self.manifest.patches)
        return made + sum(blob.length for blob in self.manifest.blobs)

    @property
    def notes(self) -> str | None:
        """The release notes, if the bundle has some."""
        data = dict(self.documents).get(NOTES_NAME)
        return None if data is None else data.decode("utf-8", "replace")

    def content(self, blob: BlobMember) -> Iterator[bytes]:
        """Yield a blob's content, in order, at most 1 MiB at a time.

        Step 6 is shared: the caller hashes the content (a stored member's digest is its content's digest), and
        here the stored bytes of a deflated member are compared with their own digest.

        Raises:
            MalformedError: ``zip.*`` while streaming.
            NotAuthenticError: ``bundle.stored-digest`` at the end of a deflated member.
        """
        reader = MemberReader(
            self._file,
            self._members[blob.name],
            self._limits,
            digest=blob.method == "deflate",
            check_crc=self.whole,  # a place that was computed from the manifest comes without a CRC-32
        )
        yield from reader
        if blob.method == "deflate" and reader.stored_sha256 != blob.stored_sha256:
            raise other_stored_bytes(blob.name, reader.stored_sha256, blob.stored_sha256)

    def patch(self, patch: PatchMember) -> Iterator[bytes]:
        """Yield a patch's bytes, in order, at most 1 MiB at a time.

        They are the signed ones only when the iteration has ended: no engine may see them before.

        Raises:
            MalformedError: ``zip.*`` while streaming.
            NotAuthenticError: ``bundle.patch-digest`` at the end.
        """
        reader = MemberReader(self._file, self._members[patch.name], self._limits, check_crc=self.whole)
        yield from reader
        if reader.stored_sha256 != patch.patch_sha256:
            raise NotAuthenticError(
                "bundle.patch-digest",
                f"{patch.name} is not the patch that was signed",
                have=f"sha256 {reader.stored_sha256}",
                need=f"sha256 {patch.patch_sha256}",
            )


def verify_bundle(
    file: BinaryIO,
    state: TrustedState,
    system_time: datetime,
    limits: Limits = DEFAULT_LIMITS,
    *,
    accept_expired: bool = False,
) -> VerifiedBundle:
    """Run steps 1-5 on an open bundle.

    Args:
        file: A seekable binary file, from :func:`open_bundle`.
        state: What is trusted before.
        system_time: The system clock's time, aware UTC; the floor in ``state`` may raise it.
        limits: Ceilings.
        accept_expired: Let expired roles pass; the caller records who asked.

    Returns:
        The bundle's metadata and a way to its content.

    Raises:
        MalformedError: ``zip.*``, ``manifest.*``, ``signature.*``, ``bundle.*``, ``tuf.*``.
        NotAuthenticError: ``signature.*``, ``tuf.signature.*``, ``tuf.root-withheld``,
            ``bundle.document-digest``, ``bundle.disagrees``.
        RollbackError: ``tuf.rollback.*``.
        ExpiredError: ``tuf.expired.*``.
        IncompleteError: ``tuf.missing.*``.
    """
    members = read_directory(file, limits)  # 1. structure of the zip, whole
    return _verify(file, members, state, system_time, limits, accept_expired=accept_expired)


def verify_bundle_front(
    file: BinaryIO,
    state: TrustedState,
    system_time: datetime,
    limits: Limits = DEFAULT_LIMITS,
    *,
    accept_expired: bool = False,
) -> VerifiedBundle:
    """Run steps 2-5 on a file whose structure is damaged, from its front.

    Manifest, signature and documents stand first; once they are believed, the place of all content follows from
    the signed manifest alone, since there is one canonical layout. The content can then be read and is checked by
    its digests as ever; the result is not :attr:`VerifiedBundle.whole`.

    Args:
        file: As for :func:`verify_bundle`.
        state: As for :func:`verify_bundle`.
        system_time: As for :func:`verify_bundle`.
        limits: As for :func:`verify_bundle`.
        accept_expired: As for :func:`verify_bundle`.

    Raises:
        SealiftError: As :func:`verify_bundle` does: the front is damaged too, or must not be believed.
    """
    members = read_front(file, limits)  # in place of 1: what can be read from byte 0 on
    return _verify(file, members, state, system_time, limits, accept_expired=accept_expired, whole=False)


def _verify(
    file: BinaryIO,
    found: tuple[Member, ...],
    state: TrustedState,
    system_time: datetime,
    limits: Limits,
    *,
    accept_expired: bool,
    whole: bool = True,
) -> VerifiedBundle:
    """Run steps 2-5 over the members that were found."""
    members = {member.name: member for member in found}

    def read_root(name: str, max_bytes: int) -> bytes | None:
        member = members.get(TUF_PREFIX + name)
        return None if member is None else read_member(file, member, max_bytes, limits)

    def read(name: str, max_bytes: int) -> bytes | None:
        member, document = members.get(TUF_PREFIX + name), documents.get(TUF_PREFIX + name)
        return None if member is None else read_member(file, member, max_bytes, limits, document)

    # 2. Root chain. It is read before any digest of a document is known, so these members must be stored as they are.
    workflow = Workflow(state, system_time, limits, require_extension=True, accept_expired=accept_expired)
    update_roots(workflow, read_root)
    workflow.finish_roots()

    # 3. Signature over the exact bytes, before a parser sees them: what nobody signed is not decoded.
    manifest_bytes = read_required_member(file, members, manifest_format.MANIFEST_NAME, limits.manifest_bytes, limits)
    signature_bytes = read_required_member(file, members, signature.SIGNATURE_NAME, limits.signature_bytes, limits)
    keys, threshold = workflow.timestamp_keys()
    signature.verify_signature(manifest_bytes, signature_bytes, keys, threshold, limits)
    manifest = manifest_format.decode_manifest(manifest_bytes, limits)

    # 4. Timestamp, snapshot, targets, delegations. A compressed document is inflated only as the manifest says.
    documents = {document.name: document for document in manifest.documents}
    load_all_roles(workflow, read)

    # 5. Agreement, one to one. In a damaged file the place of content is computed from what was signed, not searched.
    if not whole:
        members = _placed(manifest, found)
    _check_members(manifest, tuple(members.values()))
    _check_metadata(manifest, workflow)
    return VerifiedBundle(
        manifest=manifest,
        manifest_bytes=manifest_bytes,
        signature_bytes=signature_bytes,
        state=workflow.state,
        documents=tuple(_documents(file, members, manifest, limits)),
        _file=file,
        _members=members,
        _limits=limits,
        whole=whole,
    )


def _documents(
    file: BinaryIO, members: Mapping[str, Member], manifest: Manifest, limits: Limits
) -> Iterator[tuple[str, bytes]]:
    for document in manifest.documents:
        ceiling = limits.notes_bytes if document.name == NOTES_NAME else limits.targets_bytes
        data = read_member(file, members[document.name], ceiling, limits, document)
        if len(data) != document.length or hashlib.sha256(data).hexdigest() != document.sha256:
            raise NotAuthenticError("bundle.document-digest", f"{document.name} is not the one that was signed")
        yield document.name, data


def _placed(manifest: Manifest, front: tuple[Member, ...]) -> dict[str, Member]:
    """Return the documents that were found, and the content where a signed manifest puts it behind them."""
    documents = front[: 2 + len(manifest.documents)]
    offset = documents[-1].data_end
    members = {member.name: member for member in documents}
    content = [(blob.name, blob.method, blob.length, blob.stored_length) for blob in manifest.blobs]
    content += [(patch.name, "stored", patch.patch_length, patch.patch_length) for patch in manifest.patches]
    for name, method, length, stored_length in content:
        members[name] = member_placed_at(name, method, length, stored_length, offset)
        offset = members[name].data_end
    return members


def _check_members(manifest: Manifest, members: tuple[Member, ...]) -> None:
    """Refuse a zip whose members are not exactly those of the manifest, in its order."""
    expected = [manifest_format.MANIFEST_NAME, signature.SIGNATURE_NAME]
    expected += [document.name for document in manifest.documents]
    expected += [blob.name for blob in manifest.blobs]
    expected += [patch.name for patch in manifest.patches]
    actual = [member.name for member in members]
    if actual != expected:
        odd = next((a or e for a, e in zip(actual, expected, strict=False) if a != e), "one at the end")
        raise NotAuthenticError(
            "bundle.members",
            "The members of the zip are not those of the signed manifest, in its order",
            have=count_text(len(actual), "member"),
            need=f"{count_text(len(expected), 'member')}; the first difference is at {odd}",
        )
    signed = {blob.name: (blob.method, blob.length, blob.stored_length) for blob in manifest.blobs}
    signed |= {patch.name: ("stored", patch.patch_length, patch.patch_length) for patch in manifest.patches}
    signed |= {document.name: document.stored for document in manifest.documents if document.deflated is not None}
    for member in members:
        if member.name in signed and signed[member.name] != (member.method, member.length, member.stored_length):
            raise not_as_signed(member.name)


def _check_metadata(manifest: Manifest, workflow: Workflow) -> None:
    """Refuse a manifest that says anything else than the TUF metadata beside it."""
    extension = workflow.extension
    if extension is None:
        raise MalformedError("bundle.extension", "The timestamp carries no x-sealift extension")
    says = (manifest.snapshot_version, manifest.root_version, manifest.created)
    if says != (workflow.snapshot_version, extension.root_version, extension.created):
        raise _disagreement("its versions and time of creation")
    signed = {path: (target.length, target.hashes.get("sha256")) for path, target in workflow.all_targets().items()}
    if {target.path: (target.length, target.sha256) for target in manifest.targets} != signed:
        raise _disagreement("its targets")
    roles = {role for role, _ in workflow.state.targets if role != "targets"}
    if {source.name for source in manifest.sources} != roles:
        raise _disagreement("its sources")
    _check_sources(manifest, workflow)
    names = {f"{TUF_PREFIX}{version}.root.json" for version in range(1, manifest.root_version + 1)}
    names |= {f"{TUF_PREFIX}{name}" for name in workflow.file_names}
    if {document.name for document in manifest.documents} - {NOTES_NAME} != names:
        raise _disagreement("its documents")


def _check_sources(manifest: Manifest, workflow: Workflow) -> None:
    """Refuse a manifest that says otherwise than the targets roles what a site acts on: delivery, mount, freshness.

    Raises:
        MalformedError: ``tuf.extension``: the roles do not say it.
        NotAuthenticError: ``bundle.disagrees``.
    """
    policies = read_policies(workflow.targets("targets"))
    if policies.keys() != {source.name for source in manifest.sources}:
        raise MalformedError("tuf.extension", "The x-sealift of the 'targets' metadata is not about its sources")
    for source in manifest.sources:
        if SourcePolicy(source.fresh_days, source.mount, source.deliver) != policies[source.name]:
            raise _disagreement(f"what is to be done with the source {source.name}: fresh_days, mount, deliver")
        if source.pulled_at != read_pulled_at(source.name, workflow.targets(source.name)):
            raise _disagreement(f"when the source {source.name} was pulled")


def _disagreement(what: str) -> NotAuthenticError:
    return NotAuthenticError(
        "bundle.disagrees", f"The manifest and the signed metadata disagree on {what}", need="a bundle sealed as one"
    )
