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
    from relay.config import load_config
    from relay.home import open_home
    from relay.state import State
    from relay.status.read import read_status
    from relay.status.text import status_to_json, status_to_text

    home = open_home(settings.home)
    with State(home.database) as state:
        status = read_status(home, load_config(home.path), state)
    now = system_clock()
    if output == "json":
        print_json(status_to_json(status, now))
    else:
        click.echo(status_to_text(status, now))
