"""``bundle keys threshold``: how many keys of a role must sign."""

from __future__ import annotations

import click

from bundler.cli.keys.common import Given, change_options, session, tell
from manifests.console.commands import Settings


@click.command()
@click.argument("role")
@click.argument("count", type=click.IntRange(min=1))
@change_options
@click.pass_obj
def command(settings: Settings, role: str, count: int, *, given: Given) -> None:
    """Let COUNT keys of ROLE have to sign."""
    with session(settings, given) as opened:
        tell(opened, opened.roles.threshold(role, count), given)
