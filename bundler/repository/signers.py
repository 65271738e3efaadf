"""Who signs for a role of the repository: the private keys that are in the publisher's home, or brought along."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Snapshot, Targets, Timestamp

from bundler.config import Config
from bundler.home import Home
from bundler.keys import hsm
from bundler.keys.hsm import TokenSigner
from bundler.keys.keyring import Keyring, open_signer
from bundler.keys.secret_lines import Warn
from bundler.keys.secrets import Secrets, ask_nobody, ask_on_terminal, unheard
from bundler.repository.repository import Repository, Signers


class HomeSigners:
    """Opens the private keys that are here, each one once, when its role is first asked for.

    Args:
        home: The publisher's directory.
        secrets: Opens the keys.
        also: Signers from elsewhere, such as a stick.
    """

    def __init__(self, home: Home, secrets: Secrets, also: Sequence[Signer] = ()) -> None:
        self._home = home
        self._secrets = secrets
        self._open: dict[str, Signer] = {signer.public_key.keyid: signer for signer in also}
        self._unlocked: list[Signer] = []

    def of_keys(self, keys: Sequence[Key]) -> tuple[Signer, ...]:
        """Return the signers of those keys that are here, in the same order.

        Raises:
            ConfigurationError: ``key.*``, ``passphrase.*``, ``pkcs11.*``.
            StorageError: A file cannot be read.
        """
        return self._of(keys, Keyring.load(self._home.keys))

    def of_repository(self, repository: Repository) -> Signers:
        """Return what gives the signers of a role of ``repository``: fewer than its threshold when keys are elsewhere.

        The key directory is read now and not again; what is returned raises as :meth:`of_keys`.
        """
        keyring = Keyring.load(self._home.keys)

        def of_role(role: str) -> tuple[Signer, ...]:
            return self._of(repository.authority(role).keys, keyring)

        return of_role

    def open_online(self, repository: Repository, sources: Sequence[str]) -> None:
        """Open what the next version may need now, so that nobody is asked, and nothing fails, in the middle of it.

        The keys of root are left alone. A token is looked for, and its PIN tried once.

        Args:
            repository: As it stands.
            sources: Names of the configured sources.

        Raises:
            ConfigurationError: ``key.*``, ``passphrase.*``, ``pkcs11.*``.
            StorageError: A file cannot be read.
        """
        of_role = self.of_repository(repository)
        for role in (Timestamp.type, Snapshot.type, Targets.type, *sources):
            for signer in of_role(role):
                if isinstance(signer, TokenSigner) and signer not in self._unlocked:
                    signer.unlock()
                    self._unlocked.append(signer)

    def _of(self, keys: Sequence[Key], keyring: Keyring) -> tuple[Signer, ...]:
        for key in keys:
            if key.keyid not in self._open and keyring.is_here(key.keyid):
                self._open[key.keyid] = open_signer(keyring.entries[key.keyid].uri or "", key, self._secrets)
        return tuple(self._open[key.keyid] for key in keys if key.keyid in self._open)


def signers_of(
    home: Home,
    config: Config,
    passphrase_files: Sequence[Path] = (),
    pin_file: Path | None = None,
    *,
    attended: bool = True,
    warn: Warn = unheard,
) -> HomeSigners:
    """Return the home's signers, asking on the terminal for what no file gives.

    Args:
        home: The publisher's directory.
        config: Names the PKCS#11 library.
        passphrase_files: From the command line; then ``SEALIFT_PASSPHRASE_FILE``.
        pin_file: From the command line; else ``SEALIFT_PIN_FILE``.
        attended: Whether somebody is there to be asked.
        warn: Told about secret files that others may read.
    """
    hsm.use_module(config.pkcs11_module)
    ask = ask_on_terminal if attended else ask_nobody
    secrets = Secrets.choose(ask, os.environ, passphrase_files, pin_file, attended=attended, warn=warn)
    return HomeSigners(home, secrets)
