"""``bundle keys rotate``: replace keys of a role."""

from __future__ import annotations

import click

from bundler.cli.keys.common import Given, change_options, new_keys, no_passphrase_option, session, tell
from manifests.console.commands import Settings


@click.command()
@click.argument("role")
@click.option("--replace", "old", metavar="KEYID", help="The key to replace.  [default: all keys of the role]")
@click.option(
    "--with", "new_key", metavar="KEY", help="A .pub file or hsm:... to take its place, instead of a new one."
)
@no_passphrase_option
@change_options
@click.pass_obj
def command(
    settings: Settings, role: str, old: str | None, new_key: str | None, *, no_passphrase: bool, given: Given
) -> None:
    """Replace the keys of ROLE (root, targets, snapshot, timestamp or a source) by new ones."""
    with session(settings, given) as opened:
        new = new_keys(opened, no_passphrase=no_passphrase) if new_key is None else None
        tell(opened, opened.roles.rotate(role, old, new_key, new), given)
