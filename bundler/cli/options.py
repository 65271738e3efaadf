"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bundler.keys.secrets import Secrets

Command = TypeVar("Command", bound=Callable[..., Any])

input_file = click.Path(path_type=Path, exists=True, dir_okay=False)
"""A file that must be there: one that is mistyped is said before any question."""


class KeyName(click.ParamType[str]):
    """A key file, which must be there, or ``hsm:<id>?label=<token>``."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it was given."""
        from bundler.keys.token_uri import names_token, parse_token_uri

        text = str(value)
        if names_token(text):
            parse_token_uri(text)
        else:
            input_file.convert(text.removeprefix("file:"), param, ctx)
        return text


_OPENS_KEYS = "First line: the key files' passphrase"
_ELSE_ASK = "  [default: SEALIFT_PASSPHRASE_FILE, else ask]"

passphrase_option = click.option("--passphrase-file", type=input_file, help=f"{_OPENS_KEYS}.{_ELSE_ASK}")
passphrases_option = click.option(
    "--passphrase-file",
    "passphrase_files",
    type=input_file,
    multiple=True,
    help=f"{_OPENS_KEYS}; several times when they have several.{_ELSE_ASK}",
)
new_passphrase_option = click.option(
    "--new-passphrase-file",
    type=input_file,
    help="First line: the passphrase of the new key. [default: that of the other keys in the home]",
)
pin_option = click.option(
    "--pin-file", type=input_file, help="First line: the token's PIN. [default: SEALIFT_PIN_FILE, else ask]"
)
no_passphrase_option = click.option(
    "--no-passphrase", is_flag=True, help="Leave new private keys unencrypted: whoever reads the file can sign."
)


def secrets_options(command: Command) -> Command:
    """Add ``--passphrase-file``, which may stand several times, and ``--pin-file``."""
    return passphrases_option(pin_option(command))


def files_given(file: Path | None) -> tuple[Path, ...]:
    """Return the one file of an option, or none."""
    return () if file is None else (file,)


def secrets_from(passphrase_files: Sequence[Path] = (), pin_file: Path | None = None) -> Secrets:
    """Return the secrets of the files given and of those that the environment names, else asked on the terminal."""
    from bundler.keys.secrets import Secrets, ask_on_terminal

    return Secrets.choose(ask_on_terminal, os.environ, passphrase_files, pin_file, warn=warn)


def new_passphrase_from(file: Path | None) -> bytes:
    """Return a new passphrase: out of a file, else asked twice; that of the environment opens what there was before.

    Raises:
        ConfigurationError: ``passphrase.*``.
    """
    from bundler.keys.secrets import Secrets, ask_on_terminal

    return Secrets(ask_on_terminal, files_given(file), warn=warn).new_passphrase()


def warn(sentence: str) -> None:
    """Warn the person at the terminal."""
    click.echo(f"WARNING: {sentence}", err=True)


def warn_open_keys(where: Path) -> None:
    """Say out loud what ``--no-passphrase`` means."""
    click.echo(
        f"WARNING: the private keys in {where} are NOT encrypted. Whoever reads these files, on this disk or in a "
        "backup, can sign updates that every site will install.",
        err=True,
    )
