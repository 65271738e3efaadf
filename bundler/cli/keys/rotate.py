"""``bundle keys rotate``: replace keys of a role."""

from __future__ import annotations

from typing import Any

import click

from bundler.cli.keys.common import CeremonyOptions, change_options, new_keys, open_ceremony, tell_outcome
from bundler.cli.options import KeyName, new_passphrase_option, no_passphrase_option
from manifests.console.commands import Settings


@click.command()
@click.argument("role")
@click.option("--replace", "old", metavar="KEYID", help="The key to replace.  [default: all keys of the role]")
@click.option(
    "--with",
    "new_key",
    type=KeyName(),
    metavar="KEY",
    help="A .pub file or hsm:... to take its place, instead of a new one.",
)
@no_passphrase_option
@new_passphrase_option
@change_options
@click.pass_obj
def command(
    settings: Settings, /, role: str, old: str | None, new_key: str | None, *, no_passphrase: bool, **options: Any
) -> None:
    """Replace the keys of ROLE (root, targets, snapshot, timestamp or a source) by new ones."""
    with open_ceremony(settings, CeremonyOptions(**options)) as session:
        session.key_changes.check_rotation(role, old)
        new = new_keys(session, role, no_passphrase=no_passphrase) if new_key is None else None
        tell_outcome(session, session.key_changes.rotate_keys(role, old, new_key, new))
