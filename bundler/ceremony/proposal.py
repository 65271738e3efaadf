"""A root that is being agreed on: it travels as a file, people sign copies, the signatures come together.

The file has the current root beside the proposed one, so that whoever signs sees what would change,
on a machine that knows nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, RootVerificationResult
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONDeserializer, JSONSerializer

from bundler.ceremony.describe import describe_changes, describe_root
from bundler.repository.delegations import Authority, authority_of
from manifests.clock import instant_text
from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError, MalformedError, NotAuthenticError
from manifests.limits import DEFAULT_LIMITS
from manifests.schemas import strictjson
from manifests.trust import count_keys

FORMAT = "sealift-root-proposal/1"
_BYTES = 2 * DEFAULT_LIMITS.root_bytes + 1024


@dataclass(frozen=True)
class Proposal:
    """The root in force, the root that shall follow it, and the signatures gathered so far."""

    current: Metadata[Root]
    proposed: Root
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def after(cls, current: Metadata[Root], wanted: Root, expires: datetime) -> Proposal:
        """Propose ``wanted`` as the version after ``current``; nobody has signed it.

        Raises:
            ConfigurationError: ``keys.threshold``.
        """
        for role in wanted.roles:
            authority_of(wanted, role).check_threshold(role)
        proposed = _copy_of(wanted)
        proposed.version = current.signed.version + 1
        proposed.expires = expires
        return cls(current, proposed)

    @classmethod
    def decode(cls, data: bytes, name: str) -> Proposal:
        """Read a proposal from a file that anybody may have written, and verify it.

        1. It has our format, and both of its roots are root metadata.
        2. The proposed root is the next version after the current one.
        3. The current root is signed by its own keys. Whether it is ours, the caller has to look.
        4. Each signature is valid, and by a root key of either.

        Args:
            data: The file's bytes.
            name: What to call it in errors.

        Raises:
            MalformedError: ``json.*``, ``ceremony.format``.
            NotAuthenticError: ``ceremony.current``: its current root is not signed by its own keys;
                ``ceremony.signature``: a signature is not valid, or is by nobody who may sign.
        """
        # 1. The format, before anything in it is believed.
        value = strictjson.decode_json(data, name=name, max_bytes=_BYTES)
        refusal = MalformedError("ceremony.format", f"{name} is not a proposed root", need=FORMAT)
        if not isinstance(value, dict) or value.keys() != {"format", "current", "proposed"}:
            raise refusal
        current, proposed = _root(value["current"]), _root(value["proposed"])
        if value["format"] != FORMAT or current is None or proposed is None:
            raise refusal
        # 2. The versions: a root that skips one could never be followed by clients (TUF 5.3.5).
        if proposed.signed.version != current.signed.version + 1:
            raise refusal
        # 3. The current root, or a forged one could make any change look small to whoever signs.
        try:
            current.signed.verify_delegate(Root.type, current.signed_bytes, current.signatures)
        except (RepositoryError, ValueError):
            raise NotAuthenticError(
                "ceremony.current", f"{name}: the current root in it is not signed by its own keys"
            ) from None
        # 4. The signatures.
        return cls(current, proposed.signed).with_signatures(proposed.signatures.values(), name)

    def encode(self) -> bytes:
        """Write the travelling file."""
        return strictjson.encode_json(
            {"format": FORMAT, "current": self.current.to_dict(), "proposed": self._metadata().to_dict()}
        )

    def root_bytes(self) -> bytes:
        """Return the proposed root as TUF metadata, with its signatures."""
        return self._metadata().to_bytes(JSONSerializer(compact=True))

    @property
    def complete(self) -> bool:
        """Whether enough keys of the current root and of the proposed one have signed."""
        return not self.missing

    @property
    def missing(self) -> tuple[str, ...]:
        """Who else must sign: a sentence for the current root and one for the proposed; none when complete."""
        result = self._result()
        sides = ((self.current.signed.version, result.first), (self.proposed.version, result.second))
        return tuple(
            f"{lacking} more of the keys of root {version}: " + ", ".join(sorted(keyid[:12] for keyid in side.unsigned))
            for version, side in sides
            if (lacking := side.threshold - count_keys(side.signed.values())) > 0
        )

    @property
    def signing_keys(self) -> tuple[Key, ...]:
        """The keys that may sign: root keys of the current root and of the proposed one."""
        return tuple(self._allowed().values())

    def signed_by(self, signers: Sequence[Signer]) -> Proposal:
        """Return the proposal with the signatures of these keys as well.

        Raises:
            ConfigurationError: ``ceremony.not-a-signer``: a key that neither root knows as a root key.
        """
        payload = self._metadata().signed_bytes
        allowed = self._allowed()
        for signer in signers:
            if signer.public_key.keyid not in allowed:
                raise ConfigurationError(
                    "ceremony.not-a-signer",
                    f"The key {signer.public_key.keyid[:12]} is not a root key, neither now nor in the proposed root",
                    need="one of " + ", ".join(sorted(keyid[:12] for keyid in allowed)),
                )
        return self.with_signatures([signer.sign(payload) for signer in signers], "the proposal")

    def with_signatures(self, signatures: Iterable[Signature], name: str) -> Proposal:
        """Return the proposal with more signatures, each of them verified.

        Raises:
            NotAuthenticError: ``ceremony.signature``.
        """
        payload = self._metadata().signed_bytes
        allowed = self._allowed()
        found = {signature.keyid: signature for signature in self.signatures}
        for signature in signatures:
            try:
                allowed[signature.keyid].verify_signature(signature, payload)
            except (KeyError, UnverifiedSignatureError):
                raise NotAuthenticError(
                    "ceremony.signature", f"{name}: the signature by {signature.keyid[:12]} does not hold"
                ) from None
            found[signature.keyid] = signature
        return Proposal(self.current, self.proposed, tuple(found[keyid] for keyid in sorted(found)))

    def is_same_as(self, other: Proposal) -> bool:
        """Tell whether both propose the same root after the same root, whoever signed so far."""
        return (self.current.signed, self.proposed) == (other.current.signed, other.proposed)

    def changes(self) -> tuple[str, ...]:
        """Say line by line what the proposed root changes."""
        return describe_changes(self.current.signed, self.proposed)

    def doubts(self, now: datetime) -> tuple[str, ...]:
        """Say what about its expiry cannot be meant, or makes the clock of some machine look wrong.

        Args:
            now: The system's time, where it is proposed or signed.
        """
        expires_at, before = self.proposed.expires, self.current.signed.expires
        if expires_at <= now:
            return (f"by the clock of this machine, {instant_text(now)}, it has ended already",)
        if expires_at < before:
            return ("it ends earlier than the root in force; is the clock right where it was proposed?",)
        return ()

    def summary(self) -> tuple[str, ...]:
        """Say line by line what the proposed root is as a whole, and which root it claims to follow.

        The differences alone are worth no more than the current root in the file, which may be forged; its
        digest can be compared with what ``bundle keys export-root`` told.
        """
        digest = hashlib.sha256(self.current.to_bytes(JSONSerializer(compact=True))).hexdigest()
        return (f"follows root {self.current.signed.version}, sha256 {digest}", *describe_root(self.proposed))

    def _allowed(self) -> dict[str, Key]:
        return {
            key.keyid: key
            for root in (self.current.signed, self.proposed)
            for key in authority_of(root, Root.type).keys
        }

    def _metadata(self) -> Metadata[Root]:
        return Metadata(self.proposed, {signature.keyid: signature for signature in self.signatures})

    def _result(self) -> RootVerificationResult:
        metadata = self._metadata()
        return self.proposed.get_root_verification_result(
            self.current.signed, metadata.signed_bytes, metadata.signatures
        )


def read_proposal(path: Path) -> Proposal:
    """Read a proposal from a file that somebody named, and verify it.

    Raises:
        UsageError: ``file.*``: it is no file of that size at all.
        MalformedError, NotAuthenticError: As :meth:`Proposal.decode`.
        StorageError: The file cannot be read.
    """
    return Proposal.decode(read_given_file(path, max_bytes=_BYTES, what="a proposed root").data, str(path))


def with_authority(root: Root, role: str, wanted: Authority) -> Root:
    """Return a copy of a root in which a role has other keys or another threshold."""
    copy = _copy_of(root)
    for keyid in list(copy.roles[role].keyids):
        copy.revoke_key(keyid, role)
    for key in wanted.keys:
        copy.add_key(key, role)
    copy.roles[role].threshold = wanted.threshold
    return copy


def _copy_of(root: Root) -> Root:
    return Root.from_dict(json.loads(json.dumps(root.to_dict())))


def _root(value: Any) -> Metadata[Root] | None:
    """Read root metadata from decoded JSON; None when it is something else."""
    try:
        metadata = JSONDeserializer().deserialize(json.dumps(value).encode("utf-8"))
    except DeserializationError:
        return None
    return metadata if isinstance(metadata.signed, Root) else None
