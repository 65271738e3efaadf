"""``bundle keys renew``: a root with a later expiry."""

from __future__ import annotations

import click

from bundler.cli.keys.common import Given, change_options, session, tell
from manifests.console.commands import Settings


@click.command()
@change_options
@click.pass_obj
def command(settings: Settings, *, given: Given) -> None:
    """Give root a later expiry (expiry_days.root from now); its keys stay."""
    with session(settings, given) as opened:
        tell(opened, opened.ceremony.renew(sign=not given.stage), given)
