"""``bundle keys add``: give a role another key."""

from __future__ import annotations

import click

from bundler.cli.keys.common import Given, change_options, new_keys, no_passphrase_option, session, tell
from manifests.console.commands import Settings
from manifests.errors import UsageError


@click.command()
@click.argument("role")
@click.argument("new_key", required=False, metavar="[KEY.pub|hsm:ID?label=TOKEN]")
@click.option("--generate", is_flag=True, help="Make the key here.")
@no_passphrase_option
@change_options
@click.pass_obj
def command(
    settings: Settings, role: str, new_key: str | None, *, generate: bool, no_passphrase: bool, given: Given
) -> None:
    """Give ROLE (root, targets, snapshot, timestamp or a source) another key."""
    if (new_key is None) != generate:
        raise UsageError("keys.new", "Give either a key (a .pub file or hsm:...) or --generate")
    with session(settings, given) as opened:
        if new_key is None:
            outcome = opened.roles.generate(role, new_keys(opened, no_passphrase=no_passphrase))
        else:
            outcome = opened.roles.add(role, new_key)
        tell(opened, outcome, given)
