"""The first three steps of the client workflow: root chain, timestamp, snapshot.

Section numbers are those of the TUF specification 1.0.34.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from securesystemslib.signer import Key
from tuf.api.metadata import MetaFile, Root, Snapshot, Timestamp

from manifests.errors import MalformedError, NotAuthenticError, StoredStateError
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.trust import documents, refusals
from manifests.trust.checks import check_meta, check_no_rollback, self_signed_root
from manifests.trust.documents import MetadataDocument, TimestampExtension, check_signatures, parse_metadata

KindT = TypeVar("KindT", Timestamp, Snapshot)
ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class TrustedState:
    """What is trusted between two runs, as the exact bytes that were verified.

    ``targets`` has the top-level and the delegated targets roles by name. ``clock_floor`` is the
    latest instant that a verified timestamp was made at: the time cannot be earlier.
    """

    root: bytes
    timestamp: bytes | None = None
    snapshot: bytes | None = None
    targets: tuple[tuple[str, bytes], ...] = ()
    clock_floor: datetime | None = None


class TopLevel:
    """Root, timestamp and snapshot of one run; see :class:`manifests.trust.workflow.Workflow`."""

    def __init__(
        self,
        state: TrustedState,
        system_time: datetime,
        limits: Limits = DEFAULT_LIMITS,
        *,
        require_extension: bool = True,
        accept_expired: bool = False,
    ) -> None:
        # 5.1: one start time for the whole run; a floor, because clocks of isolated machines get wound back.
        self.now = system_time if state.clock_floor is None else max(system_time, state.clock_floor)
        self.limits = limits
        self.extension: TimestampExtension | None = None
        self.expired_roles: tuple[str, ...] = ()
        self._before = state
        self._strict = require_extension
        self._accept_expired = accept_expired
        self._root = self_signed_root(state.root, limits)  # 5.2
        self._roots_finished = False
        self._known_timestamp: MetadataDocument[Timestamp] | None = None
        self._known_snapshot: MetadataDocument[Snapshot] | None = None
        self._timestamp: MetadataDocument[Timestamp] | None = None
        self._snapshot: MetadataDocument[Snapshot] | None = None

    # --- root: 5.3 ---------------------------------------------------------------------------------

    @property
    def root(self) -> Root:
        """The newest root believed so far."""
        return self._root.signed

    def timestamp_keys(self) -> tuple[dict[str, Key], int]:
        """Return the timestamp role's keys by id, and its threshold."""
        role = self.root.roles[Timestamp.type]
        return {keyid: self.root.keys[keyid] for keyid in role.keyids if keyid in self.root.keys}, role.threshold

    def update_root(self, data: bytes) -> None:
        """Believe the next root: exactly one version on, signed by the old and by the new root keys.

        Raises:
            NotAuthenticError: ``tuf.signature.root`` or ``tuf.version.root``.
            MalformedError: ``tuf.malformed.root`` or ``tuf.too-large.root``.

        Source: TUF 5.3.3-5.3.9; an expired intermediate root is fine (5.3.10).
        """
        if self._roots_finished:
            raise RuntimeError("update_root after finish_roots")
        new = parse_metadata(Root, data, Root.type, self.limits.root_bytes)
        check_signatures(self.root, Root.type, new)  # 5.3.4: the old keys say who comes next,
        check_signatures(new.signed, Root.type, new)  # 5.3.4: and the new keys that they are there
        if new.signed.version != self.root.version + 1:  # 5.3.5
            raise refusals.wrong_version(Root.type, new.signed.version, self.root.version + 1)
        self._root = new

    def finish_roots(self) -> None:
        """End the root chain: the last root must be alive, and decides what of the old state still counts.

        Raises:
            ExpiredError: ``tuf.expired.root``.
            StoredStateError: ``tuf.stored-state``: what we kept ourselves cannot be read (bundles only).

        Source: TUF 5.3.10 (freeze), 5.3.11 (fast-forward recovery). As in python-tuf's ngclient, a
            trusted timestamp or snapshot is forgotten when the new root's keys no longer sign it, and
            not sooner: rotating one role does not drop the other's rollback floor.
        """
        self._check_expiry(Root.type, self.root.expires, None)
        self._known_timestamp = self._recall(Timestamp, self._before.timestamp)  # 5.3.11
        self._known_snapshot = self._recall(Snapshot, self._before.snapshot)
        self._roots_finished = True

    # --- timestamp: 5.4 ----------------------------------------------------------------------------

    def update_timestamp(self, data: bytes) -> None:
        """Believe a timestamp that is not older than the trusted one.

        Raises:
            NotAuthenticError: ``tuf.signature.timestamp``, ``tuf.version.timestamp`` (a known version with
                other bytes) or ``tuf.root-withheld``.
            RollbackError: ``tuf.rollback.timestamp`` or ``tuf.rollback.snapshot``.
            ExpiredError: ``tuf.expired.timestamp`` or ``tuf.expired.root``.
            MalformedError: ``tuf.malformed.timestamp``, ``tuf.too-large.timestamp`` or ``tuf.extension``.

        Source: TUF 5.4.2-5.4.4, and the extension of this format.
        """
        if not self._roots_finished or self._snapshot is not None:
            raise RuntimeError("update_timestamp out of order")
        new = parse_metadata(Timestamp, data, Timestamp.type, self.limits.timestamp_bytes)
        check_signatures(self.root, Timestamp.type, new)  # 5.4.2
        new = self._not_older(new)  # 5.4.3
        extension = self._checked_extension(new.signed)  # ours: who holds back a newer root is found out
        created = None if extension is None else extension.created
        # 5.3.10 once more: only now is it known when the bundle was made, and that may be later than the clock here.
        self._check_expiry(Root.type, self.root.expires, created)
        self._check_expiry(Timestamp.type, new.signed.expires, created)  # 5.4.4
        self._timestamp, self.extension = new, extension

    def _not_older(self, new: MetadataDocument[Timestamp]) -> MetadataDocument[Timestamp]:
        known = self._known_timestamp
        if known is None:
            return new
        if new.signed.version < known.signed.version:  # 5.4.3.1
            raise refusals.rollback(Timestamp.type, new.signed.version, known.signed.version)
        if new.signed.version == known.signed.version:
            self._check_same(Timestamp.type, new.data, known.data)
            return known
        have, floor = new.signed.snapshot_meta.version, known.signed.snapshot_meta.version
        if have < floor:  # 5.4.3.2
            raise refusals.rollback(Snapshot.type, have, floor)
        return new

    def _checked_extension(self, timestamp: Timestamp) -> TimestampExtension | None:
        extension = documents.read_extension(timestamp)
        if extension is None:
            if self._strict:
                raise refusals.extension("it is not there")
            return None
        if extension.root_version > self.root.version:
            raise refusals.root_withheld(self.root.version, extension.root_version)
        return extension

    # --- snapshot: 5.5 -----------------------------------------------------------------------------

    @property
    def snapshot_meta(self) -> MetaFile:
        """What the timestamp says of the snapshot: version, and length and digests if it gives them."""
        return self._need(self._timestamp).signed.snapshot_meta

    def file_name(self, role: str, version: int) -> str:
        """Return a role's file name, with its version if the repository has consistent snapshots (TUF 6.2)."""
        return documents.metadata_file_name(role, version if self.root.consistent_snapshot else None)

    @property
    def snapshot_version(self) -> int:
        """The believed snapshot's version."""
        return self._need(self._snapshot).signed.version

    def update_snapshot(self, data: bytes) -> None:
        """Believe the snapshot that the timestamp names, if it takes nothing back.

        Raises:
            NotAuthenticError: ``tuf.length.snapshot``, ``tuf.hash.snapshot``, ``tuf.signature.snapshot`` or
                ``tuf.version.snapshot``.
            RollbackError: ``tuf.rollback.<role>`` or ``tuf.removed.<role>``.
            ExpiredError: ``tuf.expired.snapshot``.
            MalformedError: ``tuf.malformed.snapshot`` or ``tuf.too-large.snapshot``.

        Source: TUF 5.5.2-5.5.6.
        """
        if self._snapshot is not None:
            raise RuntimeError("update_snapshot twice")
        meta = self.snapshot_meta
        check_meta(meta, data, Snapshot.type)  # 5.5.2
        new = parse_metadata(Snapshot, data, Snapshot.type, self.limits.snapshot_bytes)
        check_signatures(self.root, Snapshot.type, new)  # 5.5.3
        if new.signed.version != meta.version:  # 5.5.4
            raise refusals.wrong_version(Snapshot.type, new.signed.version, meta.version)
        if self._known_snapshot is not None:  # 5.5.5
            if new.signed.version == self._known_snapshot.signed.version:
                self._check_same(Snapshot.type, data, self._known_snapshot.data)
            check_no_rollback(new.signed, self._known_snapshot.signed)
        self._check_expiry(Snapshot.type, new.signed.expires, self._created)  # 5.5.6
        self._snapshot = new

    def reuse_snapshot(self) -> bool:
        """Believe the snapshot kept from before if it is the one that the timestamp names; tell whether it is."""
        known = self._known_snapshot
        if known is None or known.signed.version != self.snapshot_meta.version:
            return False
        if known.signed.is_expired(self.now if self._created is None else max(self.now, self._created)):
            return False
        self._snapshot = known
        return True

    # --- helpers of every step ----------------------------------------------------------------------

    @property
    def _created(self) -> datetime | None:
        return None if self.extension is None else self.extension.created

    def _check_expiry(self, role: str, expires_at: datetime, created: datetime | None) -> None:
        """Refuse a role that has ended, or that had ended before the timestamp beside it was even made.

        The latter is nobody's honest bundle, so no operator can let it pass: whoever holds the timestamp
        key alone cannot push the clock floor beyond what the other roles are signed for.
        """
        made_after_end = created is not None and expires_at <= created
        if not made_after_end and (expires_at > self.now or self._accept_expired):
            if expires_at <= self.now and role not in self.expired_roles:
                self.expired_roles += (role,)
            return
        raise refusals.expired(role, expires_at, self.now if created is None else max(self.now, created))

    def _check_same(self, role: str, data: bytes, known: bytes) -> None:
        if self._strict and data != known:
            raise refusals.other_content(role)

    def _recall(self, kind: type[KindT], data: bytes | None) -> MetadataDocument[KindT] | None:
        if data is None:
            return None
        ceiling = self.limits.timestamp_bytes if kind is Timestamp else self.limits.snapshot_bytes
        try:
            document = parse_metadata(kind, data, kind.type, ceiling)
            check_signatures(self.root, kind.type, document)
        except NotAuthenticError:
            return None
        except MalformedError as error:
            if self._strict:
                raise StoredStateError("tuf.stored-state", f"The trusted {kind.type} kept here is damaged") from error
            return None
        return document

    @staticmethod
    def _need(value: ValueT | None) -> ValueT:
        if value is None:
            raise RuntimeError("the workflow has not come this far")
        return value
