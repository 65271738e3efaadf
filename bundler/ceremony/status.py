"""What ``bundle keys list`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bundler.ceremony.key_changes import ROOT_ROLES
from bundler.config import Config
from bundler.home import Home
from bundler.keys.keyring import Keyring
from bundler.repository.repository import Repository, role_runways


@dataclass(frozen=True)
class KeyRow:
    """A key of a role; ``role`` is None for a key that no role uses, ``uri`` when its private half is not here."""

    role: str | None
    keyid: str
    scheme: str
    uri: str | None


@dataclass(frozen=True)
class RoleRow:
    """A role: how many of its keys must sign, and until when it is good; None before its first version.

    ``short_below``: with fewer whole days left than this it is warned about. ``signable``: enough of its keys are here.
    """

    role: str
    threshold: int
    keys: int
    expires_at: datetime | None
    days: int | None
    short_below: int = 0
    signable: bool = True

    @property
    def is_short(self) -> bool:
        """Whether it ends soon, so that somebody has to do something."""
        return self.days is not None and self.days < self.short_below


def key_rows(home: Home, repository: Repository, sources: Sequence[str]) -> tuple[KeyRow, ...]:
    """Return a row per role and key, root first, then the keys that are in the home and serve no role.

    Raises:
        MalformedError: ``json.*``, ``key.public``.
        StorageError: A file cannot be read.
    """
    entries = Keyring.load(home.keys).entries
    rows = []
    used: set[str] = set()
    for role in _roles(repository, sources):
        for key in repository.authority(role).keys:
            used.add(key.keyid)
            rows.append(KeyRow(role, key.keyid, key.scheme, entries[key.keyid].uri if key.keyid in entries else None))
    rows += [KeyRow(None, keyid, entry.key.scheme, entry.uri) for keyid, entry in entries.items() if keyid not in used]
    return tuple(rows)


def role_rows(home: Home, repository: Repository, config: Config, now: datetime) -> tuple[RoleRow, ...]:
    """Return a row per role, root first.

    Raises:
        MalformedError: ``json.*``, ``key.public``.
        StorageError: A file cannot be read.
    """
    keyring = Keyring.load(home.keys)
    good = {row.role: row for row in role_runways(repository, now)}
    rows = []
    for role in _roles(repository, [source.name for source in config.sources]):
        authority = repository.authority(role)
        until = good.get(role)
        rows.append(
            RoleRow(
                role,
                authority.threshold,
                len(authority.keys),
                until.expires_at if until else None,
                until.days if until else None,
                short_below=config.expiries.runway_of(role, config.runway).days,
                signable=sum(keyring.is_here(keyid) for keyid in authority.keyids) >= authority.threshold,
            )
        )
    return tuple(rows)


def _roles(repository: Repository, sources: Sequence[str]) -> list[str]:
    return [*ROOT_ROLES, *sorted({*sources, *repository.sources})]
