"""A publisher whose keys people carry about."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Root

from bundler import config
from bundler.ceremony.ceremony import Ceremony
from bundler.ceremony.key_changes import KeyChanges, NewKeys
from bundler.jobs.init import NewPublisher, create_publisher
from bundler.keys import keyring as keys
from bundler.keys.secrets import Secrets
from bundler.repository.repository import Repository, write_metadata
from bundler.repository.signers import HomeSigners
from bundler.repository.staging import stage_version
from manifests.errors import SealiftError
from tests.support.keys import nobody
from tests.support.tuf_publisher import NOW, records, target

OPEN = NewKeys(None)


CONTENT = {"a": [target("a/one")]}


class Site:
    """A home and what can be done in it. ``away`` moves private keys to another place."""

    def __init__(self, path: Path, root_keys: int = 1, threshold: int = 1) -> None:
        self.home = create_publisher(path / "home", NewPublisher("acme", root_keys, threshold), NOW)
        self.stick = path / "stick"
        self.stick.mkdir()
        self.now = NOW
        self.expiries = config.Expiries()
        self.shown: list[str] = []

    @property
    def signers(self) -> HomeSigners:
        return HomeSigners(self.home, Secrets(nobody))

    @property
    def ceremony(self) -> Ceremony:
        return Ceremony(self.home, self.repository, self.signers, self.expiries, self.now, self.shown.extend)

    def key_changes(self, sign: bool = True) -> KeyChanges:
        return KeyChanges(self.home, self.repository, ["a"], self.ceremony, Secrets(nobody), sign=sign)

    @property
    def repository(self) -> Repository:
        return Repository.load(self.home.metadata)

    @property
    def root(self) -> Root:
        return self.repository.root

    def keyids(self, role: str) -> tuple[str, ...]:
        return self.repository.authority(role).keyids

    def away(self, role: str) -> list[Path]:
        """Carry a role's private keys out of the home."""
        return [path.rename(self.stick / path.name) for path in sorted(self.home.keys.glob(f"{role}-*.pem"))]

    def publish(self) -> None:
        repository = self.repository
        staged = stage_version(
            repository,
            CONTENT,
            records(CONTENT),
            self.now,
            self.signers.of_repository(repository),
            self.expiries,
            timedelta(0),
        )
        write_metadata(repository.directory, staged.documents)

    def state(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.home.path.rglob("*")) if path.is_file()}

    def signer(self, path: Path) -> CryptoSigner:
        return keys.read_private_key(path, Secrets(nobody))


def refused(code: str):
    return pytest.raises(SealiftError, check=lambda error: error.code == code)
