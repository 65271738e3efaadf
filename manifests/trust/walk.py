"""Ways through the workflow: all roots, all roles of a bundle, or the one target that is asked for.

Everything is read through a :data:`MetadataReader`, so a zip, a directory and an HTTP server are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tuf.api.metadata import Root, Snapshot, TargetFile, Targets, Timestamp

from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.trust import documents, refusals
from manifests.trust.checks import self_signed_root, wanted_roles
from manifests.trust.paths import TOP_TARGETS, Delegations, search_target
from manifests.trust.toplevel import TrustedState
from manifests.trust.workflow import Workflow

MetadataReader = Callable[[str, int], bytes | None]
"""Given a file name such as ``7.snapshot.json`` and a ceiling in bytes, return its bytes, or ``None``
when it is not there. It may refuse by itself what is longer than the ceiling."""


def trusted_root(data: bytes, limits: Limits = DEFAULT_LIMITS) -> TrustedState:
    """Pin a root that a person brought: read it and check that its own keys sign it.

    Raises:
        NotAuthenticError: ``tuf.signature.root``.
        MalformedError: ``tuf.malformed.root`` or ``tuf.too-large.root``.
    """
    return TrustedState(root=self_signed_root(data, limits).data)


def update_roots(workflow: Workflow, read: MetadataReader) -> None:
    """Believe every newer root there is, one version at a time.

    Ends at the first version that is not there, or after ``limits.root_rotations`` (the next run goes on).

    Raises:
        NotAuthenticError: ``tuf.signature.root`` or ``tuf.version.root``.
        MalformedError: ``tuf.malformed.root`` or ``tuf.too-large.root``.

    Source: TUF 5.3.3-5.3.9.
    """
    for _ in range(workflow.limits.root_rotations):
        data = read(documents.metadata_file_name(Root.type, workflow.root.version + 1), workflow.limits.root_bytes)
        if data is None:
            return
        workflow.update_root(data)


def load_all_roles(workflow: Workflow, read: MetadataReader) -> None:
    """Believe timestamp, snapshot, targets and every delegated role, reading each anew. After ``finish_roots``.

    Raises:
        IncompleteError: ``tuf.missing.<role>``.
        SealiftError: Whatever the workflow refuses.

    Source: TUF 5.4-5.6.
    """
    update_timestamp(workflow, read)
    update_snapshot(workflow, read)
    while edges := workflow.missing_roles:  # roles that were just believed may delegate in turn (5.6.7)
        for delegator, role in edges:
            workflow.update_targets(role, delegator, _read_targets(workflow, read, role))


def refresh_top_roles(workflow: Workflow, read: MetadataReader) -> None:
    """Believe the top-level roles as an ordinary client does, reading only what has changed. After ``finish_roots``.

    Raises:
        IncompleteError: ``tuf.missing.<role>``.
        SealiftError: Whatever the workflow refuses.

    Source: TUF 5.4-5.6.
    """
    update_timestamp(workflow, read)
    if not workflow.reuse_snapshot():
        update_snapshot(workflow, read)
    _load_targets(workflow, read, TOP_TARGETS, Root.type)


class TargetChoice(Protocol):
    """Which targets somebody wants."""

    @property
    def literals(self) -> tuple[str, ...] | None:
        """The very paths that are wanted; ``None`` where that is not known beforehand."""

    def takes(self, path: str) -> bool:
        """Tell whether a path is wanted."""

    def may_take_of(self, pattern: str) -> bool:
        """Tell whether any path that fits a delegation's pattern may be wanted."""


def find_targets(workflow: Workflow, read: MetadataReader, choice: TargetChoice) -> dict[str, TargetFile]:
    """Return the wanted targets by path, in order. After :func:`refresh_top_roles`.

    Read are the roles alone that may speak for one, so that a role which nobody asked for may have ended, or be gone.
    Where the wanted paths are known, that is one way through the delegations for each, as an ordinary client goes it.

    Raises:
        IncompleteError: ``tuf.missing.<role>``.
        MalformedError: ``tuf.delegations`` when more roles than the ceiling would have to be read.
        SealiftError: Whatever the workflow refuses.

    Source: TUF 5.6.7.
    """
    paths = choice.literals
    if paths is None:
        _load_wanted_roles(workflow, read, choice)
        paths = workflow.listed_paths
    prepared: dict[str, Delegations] = {}

    def delegations(role: str) -> Delegations:
        if role not in prepared:
            prepared[role] = Delegations(workflow.targets(role))
        return prepared[role]

    def load(role: str, delegator: str) -> Targets:
        if not workflow.contains(role, delegator):
            _load_targets(workflow, read, role, delegator)
        return workflow.targets(role)

    wanted = sorted({path for path in paths if choice.takes(path)})
    found = ((path, search_target(path, load, delegations, workflow.limits.delegations)) for path in wanted)
    return {path: target for path, target in found if target is not None}


def _load_wanted_roles(workflow: Workflow, read: MetadataReader, choice: TargetChoice) -> None:
    """Believe every role that may speak for a wanted target, reading only what has changed."""
    delegators, known = [TOP_TARGETS], {TOP_TARGETS}
    for delegator in delegators:
        for role in wanted_roles(workflow.targets(delegator), choice.may_take_of, workflow.limits):
            if not workflow.contains(role, delegator):
                _load_targets(workflow, read, role, delegator)
            if role not in known:
                known.add(role)
                delegators.append(role)


def find_target(workflow: Workflow, read: MetadataReader, path: str) -> TargetFile:
    """Search a target through the delegations, reading roles on demand.

    After :func:`refresh_top_roles` or :func:`load_all_roles`.

    Raises:
        IncompleteError: ``tuf.no-such-target`` or ``tuf.missing.<role>``.
        MalformedError: ``tuf.delegations`` when more roles than the ceiling would have to be visited.
        SealiftError: Whatever the workflow refuses.

    Source: TUF 5.6.7.
    """
    if any("\ud800" <= char <= "\udfff" for char in path):  # a command line's undecodable bytes: no JSON has them
        raise refusals.no_such_target(path)

    def load(role: str, delegator: str) -> Targets:
        _load_targets(workflow, read, role, delegator)
        return workflow.targets(role)

    found = search_target(path, load, lambda role: Delegations(workflow.targets(role)), workflow.limits.delegations)
    if found is None:
        raise refusals.no_such_target(path)
    return found


def update_timestamp(workflow: Workflow, read: MetadataReader) -> None:
    """Read and believe the timestamp, which alone has no version in its name.

    Source: TUF 5.4.1.
    """
    data = read(documents.metadata_file_name(Timestamp.type, None), workflow.limits.timestamp_bytes)
    if data is None:
        raise refusals.missing(Timestamp.type)
    workflow.update_timestamp(data)


def update_snapshot(workflow: Workflow, read: MetadataReader) -> None:
    """Read and believe the snapshot that the timestamp names.

    Source: TUF 5.5.1.
    """
    meta = workflow.snapshot_meta
    ceiling = min(meta.length or workflow.limits.snapshot_bytes, workflow.limits.snapshot_bytes)
    data = read(workflow.file_name(Snapshot.type, meta.version), ceiling)
    if data is None:
        raise refusals.missing(Snapshot.type)
    workflow.update_snapshot(data)


def _load_targets(workflow: Workflow, read: MetadataReader, role: str, delegator: str) -> None:
    if not workflow.reuse_targets(role, delegator):
        workflow.update_targets(role, delegator, _read_targets(workflow, read, role))


def _read_targets(workflow: Workflow, read: MetadataReader, role: str) -> bytes:
    meta = workflow.targets_meta(role)
    ceiling = min(meta.length or workflow.limits.targets_bytes, workflow.limits.targets_bytes)
    data = read(workflow.file_name(role, meta.version), ceiling)
    if data is None:
        raise refusals.missing(role)
    return data
