"""``bundle keys passphrase``: another passphrase for one private key file."""

from __future__ import annotations

from pathlib import Path

import click

from bundler.cli.options import (
    files_given,
    input_file,
    new_passphrase_from,
    no_passphrase_option,
    passphrase_option,
    secrets_from,
    warn_open_keys,
)
from manifests.errors import UsageError


@click.command()
@click.argument("file", type=input_file)
@passphrase_option
@click.option(
    "--new-passphrase-file", "new_file", type=input_file, help="First line: its new passphrase. [default: ask]"
)
@no_passphrase_option
def command(file: Path, passphrase_file: Path | None, new_file: Path | None, *, no_passphrase: bool) -> None:
    """Give FILE, a private key file, another passphrase. Needs no home; other key files keep theirs.

    Copies of the file, on sticks and in backups, open with the old passphrase as before.
    """
    from bundler.keys.private_file import PrivateKeyFile

    if no_passphrase and new_file is not None:
        raise UsageError("keys.passphrase", "--no-passphrase and --new-passphrase-file exclude each other")
    key = PrivateKeyFile.read(file)
    private = key.unlock(secrets_from(files_given(passphrase_file)))
    if no_passphrase:
        warn_open_keys(file)
    key.encrypt(private, None if no_passphrase else new_passphrase_from(new_file))
    click.echo(f"{file}: changed")
