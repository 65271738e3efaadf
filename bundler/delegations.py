"""Who may sign for a source: the publisher's wish, which the next bundle's targets role carries out.

A source without an entry is signed by the keys of the ``targets`` role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Key

from bundler.public_keys import from_json, to_json
from manifests import durable, strictjson
from manifests.errors import ConfigurationError
from manifests.limits import MIB


@dataclass(frozen=True)
class Delegation:
    """Keys that may sign for a role, and how many of them must."""

    keys: tuple[Key, ...]
    threshold: int

    @property
    def keyids(self) -> tuple[str, ...]:
        """The keys' ids, in the same order."""
        return tuple(key.keyid for key in self.keys)


def read(path: Path) -> dict[str, Delegation]:
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
    value = strictjson.decode(data, name=str(path), max_bytes=MIB)
    try:
        return {
            source: Delegation(tuple(from_json(key, path) for key in wish["keys"]), int(wish["threshold"]))
            for source, wish in value.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigurationError("repository.damaged", f"{path} is not a list of delegations") from None


def write(path: Path, delegations: Mapping[str, Delegation]) -> None:
    """Write the wished delegations durably.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    value = {
        source: {"threshold": wish.threshold, "keys": [to_json(key) for key in wish.keys]}
        for source, wish in delegations.items()
    }
    durable.write(path, strictjson.encode(value))
