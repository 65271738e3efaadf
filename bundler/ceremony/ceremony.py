"""The ceremony in the publisher's home: propose a root, gather its signatures, put it in force.

Everything here changes the home, so the caller has taken its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root

from bundler.ceremony.proposal import Proposal, read_proposal, with_authority
from bundler.config import Expiries
from bundler.home import Home
from bundler.keys.keyring import KeyEntry, Keyring
from bundler.repository.clock_check import clock_warning, last_sealed_at, require_good_after
from bundler.repository.delegations import Authority, authority_of
from bundler.repository.repository import Repository
from bundler.repository.signers import HomeSigners
from manifests.clock import instant_text
from manifests.disk import durable
from manifests.errors import ConfigurationError

RoleChange = Callable[[Authority], Authority]
"""What shall become of a role's keys and threshold."""


@dataclass(frozen=True)
class RootOutcome:
    """A proposal, and whether it is in force (the next bundle carries it) or waits for signatures."""

    proposal: Proposal
    in_force: bool


class Ceremony:
    """Carries out one step of the ceremony in one home.

    Args:
        home: The publisher's directory.
        repository: As it stands, the root in force among it.
        signers: Gives the root keys that are at hand.
        expiries: How long the new root is good for.
        now: What that counts from.
        show: Told what a root would change, before anybody signs it.
    """

    def __init__(
        self,
        home: Home,
        repository: Repository,
        signers: HomeSigners,
        expiries: Expiries,
        now: datetime,
        show: Callable[[Sequence[str]], None],
    ) -> None:
        self._home = home
        self._repository = repository
        self._current = Metadata[Root].from_bytes(repository.roots[-1])
        self._signers = signers
        self._expires = expiries.end_of(Root.type, now)
        self._now = now
        self._last = last_sealed_at(repository)
        self._show = show

    def change_role(self, role: str, change: RoleChange, *, sign: bool = True) -> RootOutcome:
        """Change the keys or threshold of root, targets, snapshot or timestamp.

        A change while another one waits for signatures is added to it; signatures gathered so far are void then.

        Args:
            role: The role.
            change: What shall become of it.
            sign: Sign with the root keys at hand, and put the root in force when they suffice.

        Raises:
            ConfigurationError: ``clock.behind``, ``keys.threshold``, ``keys.unchanged``, ``repository.damaged``,
                ``passphrase.*``...
            StorageError: The disk is full, read-only or failing; the old root is in force.
        """
        base = self.newest_root()
        before = authority_of(base, role)
        after = change(before)
        after.check_threshold(role)
        if after == before:
            raise ConfigurationError("keys.unchanged", f"The role {role} has these keys and this threshold already")
        return self._propose(with_authority(base, role, after), sign=sign)

    def renew_root(self, *, sign: bool = True) -> RootOutcome:
        """Propose the same root with a later expiry; raises as :meth:`change_role`.

        Raises:
            ConfigurationError: ``ceremony.earlier``: it would end earlier than the root in force.
        """
        require_good_after(Root.type, self._expires, self._last, self._now)
        if self._expires < self._current.signed.expires:
            raise ConfigurationError(
                "ceremony.earlier",
                "The root would not end later than now, but earlier",
                have=f"root {self._current.signed.version} until {instant_text(self._current.signed.expires)}; "
                f"by the system clock at {instant_text(self._now)} a new one until {instant_text(self._expires)}",
                todo="set the clock of this machine, or raise expiry_days.root in bundler.toml",
            )
        return self._propose(self.newest_root(), sign=sign)

    def accept_copies(self, files: Sequence[Path]) -> RootOutcome:
        """Gather the signatures of signed copies, and put the root in force when they suffice; else they are kept.

        Args:
            files: Signed copies of one proposal; signatures of copies accepted earlier count too.

        Raises:
            UsageError: ``file.*``.
            MalformedError: ``json.*``, ``ceremony.format``.
            NotAuthenticError: ``ceremony.current``, ``ceremony.signature``.
            ConfigurationError: ``ceremony.stale``, ``ceremony.different``, ``ceremony.ended``, ``clock.behind``.
            StorageError: A file cannot be read, or the disk is full, read-only or failing.
        """
        proposal = self._gather(files)
        self._require_good(proposal)
        return self._settle(proposal)

    def discard_proposal(self) -> tuple[KeyEntry, ...]:
        """Forget the proposal that waits for signatures.

        Returns:
            Keys it would have brought whose private halves are in the home: nothing needs them any more, unless a
            copy of the proposal is on its way. They are not removed, because that cannot be taken back.

        Raises:
            ConfigurationError: ``ceremony.nothing``.
        """
        proposal = self.require_proposal()
        self._forget()
        entries = Keyring.load(self._home.keys).entries
        new = [keyid for keyid in proposal.proposed.keys if keyid not in self._current.signed.keys]
        return tuple(
            entries[keyid] for keyid in new if keyid in entries and (entries[keyid].uri or "").startswith("file:")
        )

    def newest_root(self) -> Root:
        """Return the root that further changes start from: the one that waits for signatures, else the one in force."""
        waiting = self.waiting_proposal()
        return self._current.signed if waiting is None else waiting.proposed

    def waiting_proposal(self) -> Proposal | None:
        """Return the proposal that waits for signatures, if any."""
        return read_waiting_proposal(self._home, self._repository)

    def require_proposal(self) -> Proposal:
        """Return the proposal that waits for signatures.

        Raises:
            ConfigurationError: ``ceremony.nothing``.
        """
        return require_waiting_proposal(self._home, self._repository)

    def tell(self, lines: Sequence[str]) -> None:
        """Show what somebody should know before a change is signed."""
        self._show(lines)

    def _propose(self, wanted: Root, *, sign: bool) -> RootOutcome:
        proposal = Proposal.after(self._current, wanted, self._expires)
        self._require_good(proposal)
        behind = clock_warning(self._last, self._now)
        doubts = proposal.doubts(self._now) if behind is None else (behind,)
        self._show((*proposal.changes(), *(f"WARNING: {doubt}" for doubt in doubts)))
        if sign:
            proposal = proposal.signed_by(self._signers.of_keys(proposal.signing_keys))
        return self._settle(proposal)

    def _gather(self, files: Sequence[Path]) -> Proposal:
        proposal = self.waiting_proposal()
        for path in files:
            copy = read_proposal(path)
            if copy.current.signed != self._current.signed:
                raise ConfigurationError(
                    "ceremony.stale",
                    f"{path} follows another root than the one in force",
                    have=f"root {copy.current.signed.version} before it",
                    need=f"root {self._current.signed.version} as it is here",
                    todo="propose the change again: bundle keys rotate|add|revoke",
                )
            if proposal is not None and not proposal.is_same_as(copy):
                raise ConfigurationError(
                    "ceremony.different",
                    f"{path} proposes another root than the one that waits here",
                    todo="sign a copy of the one that waits (bundle keys staged --out FILE), or discard it first",
                )
            proposal = copy if proposal is None else proposal.with_signatures(copy.signatures, str(path))
        return self.require_proposal() if proposal is None else proposal

    def _require_good(self, proposal: Proposal) -> None:
        """Refuse a root that has ended already, by the system clock or by the last bundle.

        Raises:
            ConfigurationError: ``clock.behind``, ``ceremony.ended``.
        """
        expires_at = proposal.proposed.expires
        require_good_after(Root.type, expires_at, self._last, self._now)
        if expires_at <= self._now:
            raise ConfigurationError(
                "ceremony.ended",
                f"Root {proposal.proposed.version} has ended already: no site would take it",
                have=f"it is good until {instant_text(expires_at)}, the system clock is at {instant_text(self._now)}",
                todo="set this machine's clock if it is wrong; else bundle keys staged --discard and propose again",
            )

    def _settle(self, proposal: Proposal) -> RootOutcome:
        """Put a proposal in force, or keep it waiting."""
        if not proposal.complete:
            durable.write_file(self._home.staged_root, proposal.encode())
            return RootOutcome(proposal, in_force=False)
        durable.write_file(self._home.metadata / f"{proposal.proposed.version}.root.json", proposal.root_bytes())
        self._forget()
        return RootOutcome(proposal, in_force=True)

    def _forget(self) -> None:
        with durable.storage_errors(self._home.staged_root):
            self._home.staged_root.unlink(missing_ok=True)


def read_waiting_proposal(home: Home, repository: Repository) -> Proposal | None:
    """Return the proposal that waits for signatures in a home, if any. Needs no lock and writes nothing.

    Raises:
        MalformedError: ``json.*``, ``ceremony.format``.
        NotAuthenticError: ``ceremony.current``, ``ceremony.signature``.
        StorageError: The file cannot be read.
    """
    path = home.staged_root
    with durable.storage_errors(path):
        if not path.exists():
            return None
        proposal = Proposal.decode(path.read_bytes(), str(path))
    # One that is in force is left when a crash came before it was forgotten; the next proposal takes its place.
    return None if proposal.proposed.version <= repository.root.version else proposal


def require_waiting_proposal(home: Home, repository: Repository) -> Proposal:
    """Return the proposal that waits for signatures; raises as :func:`read_waiting_proposal` too.

    Raises:
        ConfigurationError: ``ceremony.nothing``.
    """
    proposal = read_waiting_proposal(home, repository)
    if proposal is None:
        raise ConfigurationError(
            "ceremony.nothing", "No root waits for signatures", todo="propose one: bundle keys rotate|add|revoke"
        )
    return proposal


def sign_copy(path: Path, out: Path, signers: Callable[[Proposal], Sequence[Signer]]) -> Proposal:
    """Sign a travelling proposal; needs no home.

    Args:
        path: The proposal.
        out: Where the signed copy goes; may be ``path``.
        signers: Shown the proposal; gives who signs it, or raises.

    Raises:
        UsageError: ``file.*``.
        MalformedError: ``json.*``, ``ceremony.format``.
        NotAuthenticError: ``ceremony.current``, ``ceremony.signature``.
        ConfigurationError: ``ceremony.not-a-signer``.
        StorageError: The file cannot be read, or the disk is full, read-only or failing.
    """
    proposal = read_proposal(path)
    signed = proposal.signed_by(signers(proposal))
    durable.write_file(out, signed.encode())
    return signed
