"""``bundle keys revoke``: take a key from a role."""

from __future__ import annotations

import click

from bundler.cli.keys.common import Given, change_options, session, tell
from manifests.console.commands import Settings


@click.command()
@click.argument("role")
@click.argument("keyid")
@change_options
@click.pass_obj
def command(settings: Settings, role: str, keyid: str, *, given: Given) -> None:
    """Take the key KEYID (or the beginning of its id) from ROLE."""
    with session(settings, given) as opened:
        tell(opened, opened.roles.revoke(role, keyid), given)
