"""``relay check-config``: every error of ``relay.toml`` at once."""

from __future__ import annotations

import click

from manifests.console.checked_file import tell_checked_file
from manifests.console.commands import Settings, output_option


@click.command()
@output_option
@click.pass_obj
def command(settings: Settings, output: str) -> None:
    """Check relay.toml and name every error in it, not the first alone. Changes nothing; a running service goes on.

    Exits with 3 when there is one.
    """
    from relay.config import config_path, find_config_errors
    from relay.home import open_home

    home = open_home(settings.home)
    tell_checked_file(config_path(home.path), find_config_errors(home.path), output)
