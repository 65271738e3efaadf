"""``bundle check-config``: every error of ``bundler.toml`` at once."""

from __future__ import annotations

import click

from manifests.console.checked_file import tell_checked_file
from manifests.console.commands import Settings, output_option


@click.command()
@output_option
@click.pass_obj
def command(settings: Settings, output: str) -> None:
    """Check bundler.toml and name every error in it, not the first alone. Asks no upstream, changes nothing.

    Exits with 3 when there is one.
    """
    from bundler.config import read_config
    from bundler.home import open_home
    from bundler.pull.check import find_contradictions

    home = open_home(settings.home)
    reading = read_config(home.config)
    contradictions = () if reading.sound is None else find_contradictions(reading.sound)
    tell_checked_file(home.config, (*reading.errors, *contradictions), output)
