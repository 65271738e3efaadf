"""The client workflow of TUF as one class: it takes bytes, and advances or raises.

It reads no file, asks no clock and knows no network; what to read, from where and when to keep the
result is the caller's business (:mod:`manifests.trust.walk`, ``manifests.bundle.verify``,
``relay.dialing.tuf.client``).
Section numbers are those of the TUF specification 1.0.34.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from manifests.errors import ExpiredError, MalformedError, NotAuthenticError
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.trust import documents, refusals
from manifests.trust.checks import check_meta, delegated_roles
from manifests.trust.documents import MetadataDocument, check_signatures, parse_metadata
from manifests.trust.paths import TOP_TARGETS, Delegations, search_target
from manifests.trust.toplevel import TopLevel, TrustedState


@dataclass(frozen=True)
class BelievedRole:
    """A believed role: its version, and when it ends."""

    name: str
    version: int
    expires_at: datetime


class Workflow(TopLevel):
    """One run of the client workflow, in the order root, timestamp, snapshot, targets.

    Every ``update_*`` either believes its bytes or raises and leaves the workflow as it was. A caller
    that must not advance on refusal takes :attr:`state` only after the last step.

    Args:
        state: What is trusted before; its root is the anchor.
        system_time: The system clock's time, aware UTC.
        limits: Ceilings, enforced before parsing.
        require_extension: A bundle's rules: the timestamp must carry ``x-sealift``, and a version that
            is trusted already must come with the very same bytes. Without it an ordinary TUF client's:
            what is trusted already is kept.
        accept_expired: Let expired roles pass and list them in :attr:`expired_roles`.

    Raises:
        NotAuthenticError: ``tuf.signature.root``: the anchor does not sign itself.
        MalformedError: ``tuf.malformed.root``.
    """

    def __init__(
        self,
        state: TrustedState,
        system_time: datetime,
        limits: Limits = DEFAULT_LIMITS,
        *,
        require_extension: bool = True,
        accept_expired: bool = False,
    ) -> None:
        super().__init__(state, system_time, limits, require_extension=require_extension, accept_expired=accept_expired)
        self._targets: dict[str, MetadataDocument[Targets]] = {}
        self._edges: set[tuple[str, str]] = set()

    # --- targets: 5.6 ------------------------------------------------------------------------------

    def targets_meta(self, role: str) -> MetaFile:
        """Return what the snapshot says of a targets role.

        Raises:
            MalformedError: ``tuf.unlisted.<role>``.
        """
        meta = self._need(self._snapshot).signed.meta.get(f"{role}.json")
        if meta is None:
            raise refusals.unlisted(role)
        return meta

    def targets(self, role: str) -> Targets:
        """Return a believed targets role."""
        return self._need(self._targets.get(role)).signed

    def update_targets(self, role: str, delegator: str, data: bytes) -> None:
        """Believe a targets role as its delegator and the snapshot describe it.

        Args:
            role: ``targets`` or a delegated role.
            delegator: ``root`` for ``targets``, else a targets role believed already.
            data: The role's bytes. A role reached from two delegators is checked against each.

        Raises:
            NotAuthenticError: ``tuf.length.<role>``, ``tuf.hash.<role>``, ``tuf.signature.<role>`` or
                ``tuf.version.<role>``.
            ExpiredError: ``tuf.expired.<role>``.
            MalformedError: ``tuf.malformed.<role>``, ``tuf.too-large.<role>``, ``tuf.unlisted.<role>`` or
                ``tuf.delegations``.

        Source: TUF 5.6.2-5.6.6.
        """
        meta = self.targets_meta(role)
        # Counted before the bytes are looked at: a publisher could delegate without end (5.6.7, endless data).
        if role not in self._targets and len(self._targets) > self.limits.delegations:
            raise refusals.too_many_delegations(self.limits.delegations)
        check_meta(meta, data, role)  # 5.6.2
        loaded = self._targets.get(role)
        same = loaded is not None and loaded.data == data  # reached from a second delegator: parsed once
        new = loaded if loaded is not None and same else parse_metadata(Targets, data, role, self.limits.targets_bytes)
        parent = self.root if delegator == Root.type else self.targets(delegator)
        check_signatures(parent, role, new)  # 5.6.3
        if new.signed.version != meta.version:  # 5.6.4, and 5.6.5 by way of 5.5.5
            raise refusals.wrong_version(role, new.signed.version, meta.version)
        self._check_known_targets(role, meta.version, data)  # bundles: a trusted version keeps its bytes
        self._check_expiry(role, new.signed.expires, self._created)  # 5.6.6
        if loaded is not None and not same:  # what was checked of and through the other bytes counts no more
            self._edges = {edge for edge in self._edges if role not in edge}
        self._targets[role] = new
        self._edges.add((delegator, role))

    def reuse_targets(self, role: str, delegator: str) -> bool:
        """Believe a targets role loaded or kept before if it still is the one; tell whether it is.

        Raises:
            MalformedError: ``tuf.unlisted.<role>``.
        """
        if self.contains(role, delegator):
            return True
        self.targets_meta(role)
        loaded = self._targets.get(role)
        data = dict(self._before.targets).get(role) if loaded is None else loaded.data
        if data is None:
            return False
        try:
            self.update_targets(role, delegator, data)
        except (NotAuthenticError, MalformedError, ExpiredError):
            return False
        return True

    def contains(self, role: str, delegator: str) -> bool:
        """Tell whether a role is believed on the word of this delegator."""
        return (delegator, role) in self._edges

    def _check_known_targets(self, role: str, version: int, data: bytes) -> None:
        known = None if self._known_snapshot is None else self._known_snapshot.signed.meta.get(f"{role}.json")
        if known is not None and known.version == version:
            before = dict(self._before.targets).get(role)
            if before is not None:
                self._check_same(role, data, before)

    # --- the result --------------------------------------------------------------------------------

    @property
    def unchanged(self) -> bool:
        """Whether the timestamp is, byte for byte, the one that was trusted before."""
        return self._timestamp is not None and self._timestamp.data == self._before.timestamp

    @property
    def missing_roles(self) -> tuple[tuple[str, str], ...]:
        """Delegations of believed roles whose role is not believed yet, as ``(delegator, role)``, in order.

        Raises:
            MalformedError: ``tuf.delegations``: more than the ceiling.
        """
        wanted = [(Root.type, TOP_TARGETS)]
        for delegator in self._targets:
            wanted += [(delegator, role) for role in delegated_roles(self.targets(delegator), self.limits)]
            if len(wanted) > self.limits.delegations + 1:
                raise refusals.too_many_delegations(self.limits.delegations)
        return tuple(edge for edge in wanted if edge not in self._edges)

    def all_targets(self) -> dict[str, TargetFile]:
        """Return every target that a client of this repository can find, by path, in order.

        A path that a role lists and that is not delegated to it is not there for a client, so it is not here.

        Raises:
            IncompleteError: ``tuf.missing.<role>``: not every delegated role is believed yet.
        """
        for _, role in self.missing_roles:
            raise refusals.missing(role)
        prepared = {role: Delegations(document.signed) for role, document in self._targets.items()}
        paths = {path for document in self._targets.values() for path in document.signed.targets}

        def load(role: str, _delegator: str) -> Targets:
            return self._targets[role].signed

        found = (
            (path, search_target(path, load, prepared.__getitem__, self.limits.delegations)) for path in sorted(paths)
        )
        return {path: target for path, target in found if target is not None}

    @property
    def listed_paths(self) -> tuple[str, ...]:
        """Every path that a believed role lists, also where another role has the say about it."""
        return tuple({path for document in self._targets.values() for path in document.signed.targets})

    @property
    def _is_complete(self) -> bool:
        """Whether every role that is delegated to is believed."""
        for document in self._targets.values():
            delegations = document.signed.delegations
            bins = None if delegations is None else delegations.succinct_roles
            if bins is not None and bins.number_of_bins > len(self._targets):
                return False  # so many need not be counted one by one
        return bool(self._targets) and not self.missing_roles

    @property
    def file_names(self) -> tuple[str, ...]:
        """File names of the believed documents after the roots, such as ``timestamp.json`` and ``7.snapshot.json``."""
        names = [] if self._timestamp is None else [documents.metadata_file_name(Timestamp.type, None)]
        rows = [] if self._snapshot is None else [(Snapshot.type, self._snapshot.signed.version)]
        rows += [(role, document.signed.version) for role, document in self._targets.items()]
        return (*names, *(self.file_name(role, version) for role, version in rows))

    @property
    def roles(self) -> tuple[BelievedRole, ...]:
        """Every believed role with its version and expiry."""
        believed = [(Root.type, self._root.signed.version, self._root.signed.expires)]
        for role, document in ((Timestamp.type, self._timestamp), (Snapshot.type, self._snapshot)):
            if document is not None:
                believed.append((role, document.signed.version, document.signed.expires))
        believed += [(role, doc.signed.version, doc.signed.expires) for role, doc in self._targets.items()]
        return tuple(BelievedRole(*row) for row in believed)

    @property
    def state(self) -> TrustedState:
        """What to trust from now on: what is believed so far, else what was trusted before.

        Once every delegated role is believed, roles that nobody delegates to any more are gone and the
        clock floor has risen to ``created``; not before, so that a refused bundle moves no clock.
        """
        loaded = {role: document.data for role, document in self._targets.items()}
        # A role that was left out is no role that was withdrawn: old ones go only when all of the new ones are here.
        complete = self._is_complete
        floor = self._before.clock_floor
        if complete and self.extension is not None:
            floor = self.extension.created if floor is None else max(floor, self.extension.created)
        targets = loaded if complete else {**dict(self._before.targets), **loaded}
        return TrustedState(
            root=self._root.data,
            timestamp=self._before.timestamp if self._timestamp is None else self._timestamp.data,
            snapshot=self._before.snapshot if self._snapshot is None else self._snapshot.data,
            targets=tuple(sorted(targets.items())),
            clock_floor=floor,
        )
