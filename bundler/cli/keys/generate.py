"""``bundle keys generate``: a key pair, on any machine."""

from __future__ import annotations

from pathlib import Path

import click

from bundler.cli.options import files_given, no_passphrase_option, passphrase_option, secrets_from, warn_open_keys
from manifests.console.commands import output_option, print_json


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The private key's file.")
@passphrase_option
@no_passphrase_option
@output_option
def command(out: Path, passphrase_file: Path | None, output: str, *, no_passphrase: bool) -> None:
    """Make an Ed25519 key: the private one (keep it) and its public half, .pub, beside it (hand it over).

    Needs no home. alice.pem gets alice.pub; plant.alice gets plant.alice.pub.
    """
    from bundler.keys.keyring import check_absent, generate_key_files, public_name

    public = public_name(out)
    check_absent(out)
    passphrase = None
    if no_passphrase:
        warn_open_keys(out)
    else:
        passphrase = secrets_from(files_given(passphrase_file)).new_passphrase()
    entry = generate_key_files(out, passphrase).entry
    if output == "json":
        print_json({"keyid": entry.key.keyid, "private": str(out), "public": str(public)})
        return
    click.echo(f"Key {entry.key.keyid}\nKeep private:  {out}\nHand over:     {public}")
