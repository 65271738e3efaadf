"""What a command does to the keys of a role: root's own four by ceremony, a source's by the next bundle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Key
from tuf.api.metadata import Root

from bundler.ceremony.ceremony import Ceremony, RoleChange, RootOutcome
from bundler.ceremony.describe import warn_shared_key
from bundler.home import Home
from bundler.keys import hsm, public_keys
from bundler.keys.keyring import GeneratedKey, Keyring, generate_role_key_files, key_name
from bundler.keys.secrets import Secrets
from bundler.keys.token_uri import names_token
from bundler.repository.delegations import Authority, authority_of, write_delegations
from bundler.repository.repository import Repository, wishes_path
from manifests.disk import durable
from manifests.errors import ConfigurationError, UsageError
from manifests.schemas.configuration import nearest_word
from manifests.text import count_text

ROOT_ROLES = ("root", "targets", "snapshot", "timestamp")


@dataclass(frozen=True)
class NewKeys:
    """How to make private keys: ``passphrase`` None leaves them open."""

    passphrase: bytes | None


class KeyChanges:
    """Changes the keys of the roles of one home, whose lock the caller has taken.

    Args:
        home: The publisher's directory.
        repository: As it stands.
        sources: Names of the configured sources.
        ceremony: Carries out what root has to say about.
        secrets: Opens tokens.
        sign: Sign new roots with the keys at hand.
    """

    def __init__(
        self,
        home: Home,
        repository: Repository,
        sources: Sequence[str],
        ceremony: Ceremony,
        secrets: Secrets,
        *,
        sign: bool = True,
    ) -> None:
        self._home = home
        self._repository = repository
        self._sources = sources
        self._ceremony = ceremony
        self._secrets = secrets
        self._sign = sign

    def add_key(self, role: str, given: str) -> RootOutcome | None:
        """Add a key that exists: a ``.pub`` file or ``hsm:<id>?label=<token>``.

        Returns:
            What became of the root; None for a source, whose change the next bundle carries.

        Raises:
            ConfigurationError: ``keys.role``, ``keys.unchanged``, ``pkcs11.*``, ``repository.damaged``.
            MalformedError: ``json.*``, ``key.public``.
            StorageError: A file cannot be read, or the disk is full, read-only or failing.
        """
        self.check_role(role)
        key = self._adopt(role, given)
        return self._apply(role, lambda before: before.with_keys(key))

    def generate_key(self, role: str, new: NewKeys) -> RootOutcome | None:
        """Make a key here and add it; raises as :meth:`add_key`."""
        self.check_role(role)
        with self._made(role, new, 1) as made:
            return self._apply(role, lambda before: before.with_keys(*made))

    def rotate_keys(self, role: str, old: str | None, given: str | None, new: NewKeys | None) -> RootOutcome | None:
        """Replace one key of a role, or all of them by as many.

        Args:
            role: The role.
            old: The key id to replace, or its beginning; None for all.
            given: The key that takes its place, as for :meth:`add_key`; None to make new ones here.
            new: How to make them.

        Raises:
            ConfigurationError: ``keys.unknown``; ``keys.which``: the role has several keys and not all are here;
                and as :meth:`add_key`.
        """
        self.check_role(role)
        before = self._before(role)
        leaving = self._leaving(role, before, old)
        if given is not None:
            key = self._adopt(role, given)
            return self._apply(role, lambda _: before.with_keys(key).without_keys(*leaving))
        if new is None:
            raise UsageError("keys.new", "Neither a key nor a way to make one was given")
        with self._made(role, new, max(1, len(leaving))) as made:
            return self._apply(role, lambda _: before.with_keys(*made).without_keys(*leaving))

    def check_rotation(self, role: str, old: str | None) -> None:
        """Refuse a rotation that cannot be, before anybody is asked for a secret; raises as :meth:`rotate_keys`."""
        self.check_role(role)
        self._leaving(role, self._before(role), old)

    def revoke_key(self, role: str, keyid: str) -> RootOutcome | None:
        """Take a key from a role. A source that loses its last own key is signed by the ``targets`` keys again.

        Raises:
            ConfigurationError: ``keys.unknown``, ``keys.threshold``; and as :meth:`add_key`.
        """
        self.check_role(role)
        whole = self._before(role).find_keyid(keyid, role)
        return self._apply(role, lambda before: before.without_keys(whole))

    def set_threshold(self, role: str, threshold: int) -> RootOutcome | None:
        """Change how many keys of a role must sign; raises as :meth:`add_key`, and ``keys.threshold``."""
        self.check_role(role)
        return self._apply(role, lambda before: before.with_threshold(threshold))

    def _apply(self, role: str, change: RoleChange) -> RootOutcome | None:
        self._warn_of_shared_keys(role, change(self._before(role)))
        if role in ROOT_ROLES:
            return self._ceremony.change_role(role, change, sign=self._sign)
        wishes = dict(self._repository.wishes)
        before = self._before(role)
        after = change(before)
        if after == before:
            raise ConfigurationError("keys.unchanged", f"The source {role} has these keys and this threshold already")
        if after.keys:
            after.check_threshold(role)
            wishes[role] = after
        else:
            del wishes[role]
        write_delegations(wishes_path(self._home.metadata), wishes)
        return None

    def _warn_of_shared_keys(self, role: str, after: Authority) -> None:
        """Say that a key would sign for root and for a source; of root's own four the proposal says it."""
        before = self._before(role).keyids
        sources = {role: after} if role not in ROOT_ROLES else self._repository.wishes if role == Root.type else {}
        ours = after.keyids if role == Root.type else authority_of(self._ceremony.newest_root(), Root.type).keyids
        shared = [(keyid, source) for source in sources for keyid in sources[source].keyids if keyid in ours]
        warnings = [warn_shared_key(keyid, source) for keyid, source in shared if keyid not in before]
        if warnings:
            self._ceremony.tell(warnings)

    def _before(self, role: str) -> Authority:
        """Return a role's keys as the next version would have them without a change."""
        if role not in ROOT_ROLES:
            return self._repository.wishes.get(role, Authority((), 1))
        return authority_of(self._ceremony.newest_root(), role)

    def _leaving(self, role: str, before: Authority, old: str | None) -> tuple[str, ...]:
        if old is not None:
            return (before.find_keyid(old, role),)
        keyring = Keyring.load(self._home.keys)
        if len(before.keys) > 1 and not all(keyring.is_here(keyid) for keyid in before.keyids):
            raise ConfigurationError(
                "keys.which",
                f"The role {role} has {count_text(len(before.keys), 'key')}, and not all of them are here",
                have=", ".join(keyid[:12] for keyid in before.keyids),
                todo=f"say which one to replace: bundle keys rotate {role} --replace KEYID",
            )
        return before.keyids

    def _adopt(self, role: str, given: str) -> Key:
        """Take a public key into the home's directory."""
        uri: str | None
        if names_token(given):
            uri, key = hsm.read_token_key(given, self._secrets)
        else:
            key, uri = public_keys.read_public_key(Path(given))
        if not Keyring.load(self._home.keys).is_here(key.keyid):
            durable.write_file(self._home.keys / f"{key_name(role, key)}.pub", public_keys.encode_public_key(key, uri))
        return key

    @contextmanager
    def _made(self, role: str, new: NewKeys, count: int) -> Iterator[tuple[Key, ...]]:
        """Make keys, and take their files away again when what they were made for fails."""
        made: list[GeneratedKey] = []
        try:
            made.extend(generate_role_key_files(role, self._home.keys, new.passphrase) for _ in range(count))
            yield tuple(generated.entry.key for generated in made)
        except BaseException:
            for generated in made:
                for suffix in (".pem", ".pub"):
                    (self._home.keys / f"{generated.entry.name}{suffix}").unlink(missing_ok=True)
            raise

    def check_role(self, role: str) -> None:
        """Refuse a role that is neither root's nor a source's.

        Raises:
            ConfigurationError: ``keys.role``.
        """
        known = {*ROOT_ROLES, *self._sources, *self._repository.sources}
        if role not in known:
            match = nearest_word(role, known)
            raise ConfigurationError(
                "keys.role",
                f"There is no role {role!r}",
                need=f"{Root.type}, targets, snapshot, timestamp, or a source of bundler.toml",
                todo=f"did you mean {match!r}?" if match else None,
            )
