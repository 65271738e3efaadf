"""``bundle keys add``: give a role another key."""

from __future__ import annotations

from typing import Any

import click

from bundler.cli.keys.common import CeremonyOptions, change_options, new_keys, open_ceremony, tell_outcome
from bundler.cli.options import KeyName, new_passphrase_option, no_passphrase_option
from manifests.console.commands import Settings
from manifests.errors import UsageError


@click.command()
@click.argument("role")
@click.argument("new_key", type=KeyName(), required=False, metavar="[KEY.pub|hsm:ID?label=TOKEN]")
@click.option("--generate", is_flag=True, help="Make the key here.")
@no_passphrase_option
@new_passphrase_option
@change_options
@click.pass_obj
def command(
    settings: Settings, /, role: str, new_key: str | None, *, generate: bool, no_passphrase: bool, **options: Any
) -> None:
    """Give ROLE (root, targets, snapshot, timestamp or a source) another key."""
    if (new_key is None) != generate:
        raise UsageError("keys.new", "Give either a key (a .pub file or hsm:...) or --generate")
    with open_ceremony(settings, CeremonyOptions(**options)) as session:
        if new_key is None:
            session.key_changes.check_role(role)
            outcome = session.key_changes.generate_key(role, new_keys(session, role, no_passphrase=no_passphrase))
        else:
            outcome = session.key_changes.add_key(role, new_key)
        tell_outcome(session, outcome)
