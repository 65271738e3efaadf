"""``relay status``: what is served, how old it is, when trust runs out."""

from __future__ import annotations

import click

from manifests.clock import system_clock
from manifests.console.commands import Settings, output_option, print_json


@click.command()
@output_option
@click.pass_obj
def command(settings: Settings, output: str) -> None:
    """Say what is served, how old it is, and when trust runs out."""
    from relay.config import glance
    from relay.home import open_home
    from relay.server.view import read_status
    from relay.state import State

    home = open_home(settings.home)
    with State(home.database) as state:
        status = read_status(home, glance(home.path), state)
    now = system_clock()
    if output == "json":
        print_json(status.to_json(now))
    else:
        click.echo(status.to_text(now))
