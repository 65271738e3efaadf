"""Who may sign for a role; and for sources the publisher's wish, which the next bundle's targets role carries out.

A source without an entry is signed by the keys of the ``targets`` role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Key
from tuf.api.metadata import Root

from bundler.keys.public_keys import key_from_json, key_to_json
from manifests.disk import durable
from manifests.errors import ConfigurationError
from manifests.limits import MIB
from manifests.schemas import strictjson
from manifests.text import count_text
from manifests.trust import count_keys, key_identity

MIN_PREFIX = 6
"""Digits that name a key by hand: two keys of one role share them once in 16 million."""


@dataclass(frozen=True)
class Authority:
    """Keys that may sign for a role, and how many of them must."""

    keys: tuple[Key, ...]
    threshold: int

    @property
    def keyids(self) -> tuple[str, ...]:
        """The keys' ids, in the same order."""
        return tuple(key.keyid for key in self.keys)

    def with_keys(self, *keys: Key) -> Authority:
        """Return the authority with more keys, after those that are there; the same key in another form is there."""
        here = {key_identity(key) for key in self.keys}
        return Authority(self.keys + tuple(key for key in keys if key_identity(key) not in here), self.threshold)

    def without_keys(self, *keyids: str) -> Authority:
        """Return the authority without some of its keys."""
        return Authority(tuple(key for key in self.keys if key.keyid not in keyids), self.threshold)

    def with_threshold(self, threshold: int) -> Authority:
        """Return the same keys with another number of signatures that are needed."""
        return Authority(self.keys, threshold)

    def check_threshold(self, role: str) -> None:
        """Refuse a threshold that the keys cannot reach.

        Raises:
            ConfigurationError: ``keys.threshold``.
        """
        if not 1 <= self.threshold <= count_keys(self.keys):
            raise ConfigurationError(
                "keys.threshold",
                f"The role {role} would need {count_text(self.threshold, 'signature')}",
                have=count_text(count_keys(self.keys), "key"),
                need="at least one signature, and as many keys",
                todo=f"add a key first (bundle keys add {role} ...), or change bundle keys threshold {role} N",
            )

    def find_keyid(self, given: str, role: str) -> str:
        """Return the whole key id for its beginning, with or without the role before it.

        Raises:
            ConfigurationError: ``keys.unknown``: no key of the role begins so, or more than one.
        """
        start = given.removeprefix(f"{role}-").lower()
        found = [keyid for keyid in self.keyids if keyid.startswith(start)] if len(start) >= MIN_PREFIX else []
        if len(found) != 1:
            raise ConfigurationError(
                "keys.unknown",
                f"{given!r} names no single key of the role {role}",
                have=", ".join(keyid[:12] for keyid in self.keyids),
                need=f"the first {MIN_PREFIX} or more digits of a key id",
            )
        return found[0]


def authority_of(root: Root, role: str) -> Authority:
    """Return the keys and threshold that a root gives to one of its roles; keys that it does not list are left out."""
    entry = root.roles[role]
    return Authority(tuple(root.keys[keyid] for keyid in entry.keyids if keyid in root.keys), entry.threshold)


def read_delegations(path: Path) -> dict[str, Authority]:
    """Read the wished delegations by source; none when there is no file.

    Raises:
        ConfigurationError: ``repository.damaged``.
        MalformedError: ``json.*``, ``key.public``.
        StorageError: The file cannot be read.
    """
    with durable.storage_errors(path):
        if not path.exists():
            return {}
        data = path.read_bytes()
    value = strictjson.decode_json(data, name=str(path), max_bytes=MIB)
    try:
        return {
            source: Authority(tuple(key_from_json(key, path) for key in wish["keys"]), int(wish["threshold"]))
            for source, wish in value.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigurationError("repository.damaged", f"{path} is not a list of delegations") from None


def write_delegations(path: Path, delegations: Mapping[str, Authority]) -> None:
    """Write the wished delegations durably.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    value = {
        source: {"threshold": wish.threshold, "keys": [key_to_json(key) for key in wish.keys]}
        for source, wish in delegations.items()
    }
    durable.write_file(path, strictjson.encode_json(value))
