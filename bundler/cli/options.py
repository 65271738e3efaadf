"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bundler.keys.secrets import Secrets

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)

passphrase_option = click.option(
    "--passphrase-file",
    type=_FILE,
    help="First line: the key files' passphrase. [default: SEALIFT_PASSPHRASE_FILE, else ask]",
)
pin_option = click.option(
    "--pin-file", type=_FILE, help="First line: the token's PIN. [default: SEALIFT_PIN_FILE, else ask]"
)
no_passphrase_option = click.option(
    "--no-passphrase", is_flag=True, help="Leave new private keys unencrypted: whoever reads the file can sign."
)


def secrets_options(command: Command) -> Command:
    """Add ``--passphrase-file`` and ``--pin-file``."""
    return passphrase_option(pin_option(command))


def secrets_from(passphrase_file: Path | None, pin_file: Path | None = None) -> Secrets:
    """Return the secrets of the files given, else of those that the environment names, else asked on the terminal."""
    from bundler.keys.secrets import Secrets, ask_on_terminal

    return Secrets.choose(ask_on_terminal, os.environ, passphrase_file, pin_file)


def warn_open_keys(where: Path) -> None:
    """Say out loud what ``--no-passphrase`` means."""
    click.echo(
        f"WARNING: the private keys in {where} are NOT encrypted. Whoever reads these files, on this disk or in a "
        "backup, can sign updates that every site will install.",
        err=True,
    )
