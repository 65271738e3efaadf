"""Stage the next version of the repository in memory: which roles change, and who signs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from securesystemslib.exceptions import UnverifiedSignatureError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from bundler.config import Expiries
from bundler.repository.clock_check import EXTENSION, clock_warning, last_sealed_at, require_good_after
from bundler.repository.delegations import Authority
from bundler.repository.repository import TIMESTAMP, Repository, Signers
from manifests import clock
from manifests.errors import ConfigurationError, MalformedError
from manifests.manifest import SourceRecord, Target
from manifests.names import MAX_SEGMENTS, check_source_name
from manifests.text import count_text
from manifests.trust import SourcePolicy, count_keys, policies_extension, pulled_extension, read_pulled_at

ADVISED_TARGETS = 30_000
"""Targets per role that ordinary TUF clients still read: their 5 MB ceiling ends near 36,500."""

Content = TypeVar("Content", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True)
class Staged:
    """The next state of the repository, not written yet.

    Args:
        snapshot_version: Also the version of timestamp.
        root_version: The newest root, named in timestamp's ``x-sealift``.
        created: The instant of sealing, named there too.
        documents: Every file that a client needs, by name: roots from 1, timestamp, snapshot, targets, one per source.
        pulled_at: Source to when it was pulled, as its role says now: earlier than it was when only that has changed
            and the role's keys are not here.
        warnings: Sentences for the operator.
    """

    snapshot_version: int
    root_version: int
    created: datetime
    documents: tuple[tuple[str, bytes], ...]
    pulled_at: Mapping[str, datetime]
    warnings: tuple[str, ...] = ()


def stage_version(
    repository: Repository,
    targets: Mapping[str, Sequence[Target]],
    records: Sequence[SourceRecord],
    now: datetime,
    signers: Signers,
    expiries: Expiries,
    runway: timedelta,
    *,
    renew_within: timedelta = timedelta(0),
) -> Staged:
    """Prepare the next version of a repository; nothing is written.

    Timestamp and snapshot always get a new version. A targets role gets one when its content or its
    keys changed, when it would expire before ``now + runway``, when it has little left and its keys are
    here, or when its version is not above the floor.

    Args:
        repository: As it stands.
        targets: What each source yields, by its name; a source that is absent loses its role.
        records: One per source: when it was pulled, and what sites should do with it.
        now: The instant of sealing.
        signers: Gives the signers of a role; asked only for roles that are signed.
        expiries: How long new signatures are good for.
        runway: For so long after ``now`` must every role be good.
        renew_within: A targets role with less left than this is signed anew when its keys are here, else warned about.

    Raises:
        ConfigurationError: ``clock.behind``: no site could import it; ``runway.<role>``: it would
            expire too early, and its keys are not here or its expiry is too short;
            ``keys.unavailable``: it changed and its keys are not here.
        MalformedError: ``name.source``, ``repository.path``.
    """
    return _Stage(repository, now, signers, expiries, runway, renew_within).run(targets, records)


class _Stage:
    """One preparation. Each step adds a document and what the snapshot says of it."""

    def __init__(
        self,
        repository: Repository,
        now: datetime,
        signers: Signers,
        expiries: Expiries,
        runway: timedelta,
        renew_within: timedelta,
    ) -> None:
        self._repository = repository
        self._now = now
        self._signers = signers
        self._expiries = expiries
        self._deadline = clock.add_time(now, runway)
        self._renew_within = renew_within
        self._last = last_sealed_at(repository)
        self._short: list[str] = []
        self._documents: list[tuple[str, bytes]] = []
        self._meta: dict[str, MetaFile] = {}
        if repository.snapshot is not None:
            # A role that is gone stays listed: clients refuse a snapshot that forgets a name (TUF 5.5.5).
            self._meta = dict(repository.snapshot.signed.meta)
        self._pulled_at: dict[str, datetime] = {}
        self._unreachable: dict[tuple[str, ...], str] = {}
        self._dated_earlier: list[str] = []

    def run(self, targets: Mapping[str, Sequence[Target]], records: Sequence[SourceRecord]) -> Staged:
        root = self._repository.root
        self._check_runway(Root.type, root)
        names = sorted(check_source_name(name) for name in targets)
        of_source = {record.name: record for record in records}
        delegations = {name: self._repository.authority(name) for name in names}
        for name in reversed(names):
            pulled_at = self._pulled_at[name] = of_source[name].pulled_at
            files, said = _target_files(name, targets[name]), pulled_extension(pulled_at)
            self._add_role(name, _RoleContent(files, None, said), delegations[name])
        top = _RoleContent({}, _delegations(delegations), policies_extension(_policies(of_source, names)))
        self._add_role(Targets.type, top, self._repository.authority(Targets.type))
        self._raise_those_gone()
        version = max(self._repository.snapshot_version, self._repository.floor) + 1
        expires = self._expiries.end_of(Snapshot.type, self._now)
        snapshot = self._sign(Snapshot.type, Snapshot(version, expires=expires, meta=self._meta))
        self._documents.append((f"{version}.snapshot.json", snapshot))
        self._add_timestamp(version, snapshot)
        roots = [(f"{number}.root.json", data) for number, data in enumerate(self._repository.roots, 1)]
        return Staged(
            version,
            root.version,
            self._now,
            (*roots, *reversed(self._documents)),
            MappingProxyType(self._pulled_at),
            tuple(self._warnings(targets)),
        )

    def _add_timestamp(self, version: int, snapshot: bytes) -> None:
        timestamp = Timestamp(
            version,
            expires=self._expiries.end_of(Timestamp.type, self._now),
            snapshot_meta=MetaFile.from_data(version, snapshot, ["sha256"]),
            unrecognized_fields={
                EXTENSION: {"created": clock.instant_text(self._now), "root_version": self._repository.root.version}
            },
        )
        self._documents.append((TIMESTAMP, self._sign(Timestamp.type, timestamp)))

    def _add_role(self, role: str, content: _RoleContent, authority: Authority) -> None:
        """Carry a targets role over as it is, or sign its next version."""
        current = self._repository.targets.get(role)
        listed = self._meta.get(f"{role}.json")
        if current is not None and listed is not None:
            usable = listed.version > self._repository.floor and _is_signed(current, authority)
            if usable and (content.is_in(current.signed) or self._keeps_date(role, content, current.signed, authority)):
                if self._is_carried_over(role, authority, current.signed):
                    data = (self._repository.directory / f"{listed.version}.{role}.json").read_bytes()
                    self._documents.append((f"{listed.version}.{role}.json", data))
                    return
                self._check_renewable(role, authority, current.signed)
        version = max(0 if listed is None else listed.version, self._repository.floor) + 1
        data = self._sign(role, content.signed(version, self._expiries.end_of(role, self._now)))
        self._meta[f"{role}.json"] = MetaFile.from_data(version, data, ["sha256"])
        self._documents.append((f"{version}.{role}.json", data))

    def _keeps_date(self, role: str, content: _RoleContent, current: Targets, authority: Authority) -> bool:
        """Tell whether a source keeps the date of an earlier pull: nothing else is new, and its keys are elsewhere.

        Without it a publisher whose targets key is on a token in a safe could not seal a week without news.
        """
        if not content.is_in(current, but_for_its_date=True) or self._is_reachable(role, authority):
            return False
        self._pulled_at[role] = read_pulled_at(role, current)
        self._dated_earlier.append(role)
        return True

    def _is_reachable(self, role: str, authority: Authority) -> bool:
        """Tell whether enough of a role's keys are here. Asked once: a card counts wrong PINs."""
        if authority.keyids not in self._unreachable:
            try:
                here = {signer.public_key.keyid for signer in self._signers(role)} & set(authority.keyids)
            except ConfigurationError as error:
                self._unreachable[authority.keyids] = str(error)
            else:
                if len(here) >= authority.threshold:
                    return True
                self._unreachable[authority.keyids] = "its keys are not here"
        return False

    def _raise_those_gone(self) -> None:
        """Raise versions of roles that no delegation names any longer above the floor too; nobody reads their files."""
        for name, meta in self._meta.items():
            if meta.version <= self._repository.floor:
                self._meta[name] = MetaFile(self._repository.floor + 1)

    def _sign(self, role: str, signed: Content) -> bytes:
        """Sign a new version with every key at hand that may."""
        self._check_runway(role, signed)
        authority = self._repository.authority(role)
        metadata: Metadata[Content] = Metadata(signed)
        payload = metadata.signed_bytes
        for signer in self._signers(role):
            if signer.public_key.keyid in authority.keyids:
                signature = signer.sign(payload)
                metadata.signatures[signature.keyid] = signature
        signed_by = count_keys(key for key in authority.keys if key.keyid in metadata.signatures)
        if signed_by < authority.threshold:
            raise ConfigurationError(
                "keys.unavailable",
                f"The role {role} must be signed, and its keys are not here",
                have=f"{signed_by} of {count_text(len(authority.keys), 'key')}",
                need=f"{authority.threshold}",
                todo="bring the keys back into keys/, or give the role others: bundle keys rotate " + role,
                role=role,
            )
        return metadata.to_bytes(JSONSerializer(compact=True))

    def _check_renewable(self, role: str, authority: Authority, current: Signed) -> None:
        """Tell a role that only runs out from one that changed, before its keys are asked for."""
        if not self._can_sign(role, authority):
            self._check_runway(role, current)

    def _is_carried_over(self, role: str, authority: Authority, current: Signed) -> bool:
        """Tell whether a role that did not change stays: it has long enough left, or its keys are elsewhere."""
        if current.expires < self._deadline or self._has_ended(current):
            return False
        if current.expires >= clock.add_time(self._now, self._expiries.runway_of(role, self._renew_within)):
            return True
        if self._is_reachable(role, authority):
            return False
        self._short.append(
            f"{role} is good until {clock.instant_text(current.expires)} only, and its keys are not here: "
            "bring them, then seal again"
        )
        return True

    def _can_sign(self, role: str, authority: Authority) -> bool:
        here = {signer.public_key.keyid for signer in self._signers(role)} & set(authority.keyids)
        return len(here) >= authority.threshold

    def _has_ended(self, signed: Signed) -> bool:
        """Tell whether a role ended before the last bundle was sealed, whatever the clock says now."""
        return self._last is not None and signed.expires <= self._last

    def _check_runway(self, role: str, signed: Signed) -> None:
        """Refuse a role that ends too early for the bundle, or that has ended already."""
        require_good_after(role, signed.expires, self._last, self._now)
        if signed.expires >= self._deadline:
            return
        renew = "bundle keys renew" if role == Root.type else f"bring the keys of {role} here, or raise its expiry_days"
        raise ConfigurationError(
            f"runway.{role}",
            f"The role {role} expires before the bundle's promised lifetime ends",
            have=f"{role} is valid until {clock.instant_text(signed.expires)}",
            need=f"until {clock.instant_text(self._deadline)}",
            todo=renew,
            role=role,
        )

    def _warnings(self, targets: Mapping[str, Sequence[Target]]) -> list[str]:
        found = [
            f"{name} has {count_text(len(files), 'file')}: ordinary TUF clients may refuse a role of more than "
            f"{ADVISED_TARGETS:,}; split the source"
            for name, files in sorted(targets.items())
            if len(files) > ADVISED_TARGETS
        ]
        found += [
            f"{name} has nothing new, and keeps the date of an earlier pull, "
            f"{clock.instant_text(self._pulled_at[name])}: {self._unreachable[self._repository.authority(name).keyids]}"
            for name in sorted(self._dated_earlier)
        ]
        found += self._short
        behind = clock_warning(self._last, self._now)
        return found if behind is None else [*found, behind]


@dataclass(frozen=True)
class _RoleContent:
    """What a targets role is to say: files, delegations, and ``x-sealift``."""

    files: dict[str, TargetFile]
    delegations: Delegations | None
    said: dict[str, Any]

    def is_in(self, current: Targets, *, but_for_its_date: bool = False) -> bool:
        """Tell whether a role says all of it, or all but when a source was pulled, which it says too."""
        if current.targets != self.files or current.delegations != self.delegations:
            return False
        if but_for_its_date:
            with suppress(MalformedError):
                return bool(read_pulled_at("", current))
            return False
        return bool(current.unrecognized_fields == self.said)

    def signed(self, version: int, expires: datetime) -> Targets:
        """Return the role's next version, not signed yet."""
        return Targets(
            version,
            expires=expires,
            targets=self.files,
            delegations=self.delegations,
            unrecognized_fields=self.said,
        )


def path_patterns(source: str) -> list[str]:
    """Return the TUF path patterns of all that a source may yield: ``*`` never crosses a slash, so one per depth."""
    return ["/".join([source, *["*"] * depth]) for depth in range(1, MAX_SEGMENTS)]


def _delegations(authorities: Mapping[str, Authority]) -> Delegations | None:
    if not authorities:
        return None
    roles = {
        name: DelegatedRole(name, list(authority.keyids), authority.threshold, True, paths=path_patterns(name))
        for name, authority in authorities.items()
    }
    keys = {key.keyid: key for authority in authorities.values() for key in authority.keys}
    return Delegations(keys, roles)


def _policies(records: Mapping[str, SourceRecord], names: Sequence[str]) -> dict[str, SourcePolicy]:
    found = [(name, records[name]) for name in names]
    return {name: SourcePolicy(record.fresh_days, record.mount, record.deliver) for name, record in found}


def _target_files(source: str, targets: Sequence[Target]) -> dict[str, TargetFile]:
    files = {target.path: TargetFile(target.length, {"sha256": target.sha256}, target.path) for target in targets}
    for path in files:
        if not path.startswith(f"{source}/"):
            raise MalformedError("repository.path", f"The target {path!r} does not belong to the source {source}")
    return files


def _is_signed(metadata: Metadata[Targets], authority: Authority) -> bool:
    """Tell whether enough of the keys that count from now on have signed."""
    payload = metadata.signed_bytes
    valid = []
    for key in authority.keys:
        if key.keyid in metadata.signatures:
            with suppress(UnverifiedSignatureError):
                key.verify_signature(metadata.signatures[key.keyid], payload)
                valid.append(key)
    return count_keys(valid) >= authority.threshold
