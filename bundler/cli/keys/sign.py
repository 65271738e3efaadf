"""``bundle keys sign``: sign a proposed root, on any machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bundler.cli.keys.common import show_changes
from bundler.cli.options import KeyName, input_file, secrets_from, secrets_options
from manifests.clock import system_clock
from manifests.console.commands import Settings
from manifests.errors import UsageError

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from bundler.ceremony.proposal import Proposal
    from bundler.keys.secrets import Secrets

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=input_file)
@click.option(
    "--key",
    "uris",
    type=KeyName(),
    multiple=True,
    metavar="KEY",
    help="A private key file or hsm:...; no home is needed then.",
)
@click.option("--out", type=_FILE, help="Where the signed copy goes.  [default: FILE itself]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@secrets_options
@click.pass_obj
def command(
    settings: Settings,
    file: Path,
    uris: tuple[str, ...],
    out: Path | None,
    passphrase_files: tuple[Path, ...],
    pin_file: Path | None,
    *,
    yes: bool,
) -> None:
    """Sign FILE, a proposed root; shows what it changes and asks first."""
    from bundler.ceremony.ceremony import sign_copy

    secrets = secrets_from(passphrase_files, pin_file)

    def decide(proposal: Proposal) -> Sequence[Signer]:
        doubts = (f"WARNING: {doubt}" for doubt in proposal.doubts(system_clock()))
        show_changes((*proposal.summary(), *proposal.changes(), *doubts))
        if not yes:
            _confirm(proposal)
        return _signers(settings, proposal, uris, secrets)

    signed = sign_copy(file, out or file, decide)
    click.echo(f"Signed: {out or file}")
    for missing in signed.missing:
        click.echo(f"Still needs {missing}")
    click.echo("Next: carry it back; there: bundle keys accept FILE...")


def _confirm(proposal: Proposal) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            "keys.confirm", "The change must be confirmed, but there is no terminal", todo="look at it, then add --yes"
        )
    click.confirm(f"Sign root {proposal.proposed.version}?", abort=True, err=True)


def _signers(settings: Settings, proposal: Proposal, uris: Sequence[str], secrets: Secrets) -> Sequence[Signer]:
    """Return the keys named on the command line, else the home's root keys."""
    from bundler.config import load_config
    from bundler.home import open_home
    from bundler.keys import hsm
    from bundler.keys.keyring import open_signer
    from bundler.repository.signers import HomeSigners
    from manifests.errors import ConfigurationError

    if uris:
        return [open_signer(uri, None, secrets) for uri in uris]
    home = open_home(settings.home)
    hsm.use_module(load_config(home.config).pkcs11_module)
    found = HomeSigners(home, secrets).of_keys(proposal.signing_keys)
    if not found:
        raise ConfigurationError("keys.unavailable", f"No root key is in {home.keys}", todo="name one: --key KEY")
    return found
