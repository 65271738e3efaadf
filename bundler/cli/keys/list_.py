"""``bundle keys list``: roles, keys, where they are, and when trust runs out."""

from __future__ import annotations

import click

from manifests.clock import system_clock
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import printable


@click.command("list")
@output_option
@click.pass_obj
def command(settings: Settings, output: str) -> None:
    """List every role with its keys: id, scheme, where the private key is, until when the role is good."""
    from bundler.ceremony.ceremony import read_waiting_proposal
    from bundler.ceremony.status import key_rows, role_rows
    from bundler.config import load_config
    from bundler.home import open_home
    from bundler.report.keys import keys_to_json, keys_to_text, short_roles_to_lines
    from bundler.repository.repository import Repository

    home = open_home(settings.home)
    config = load_config(home.config)
    names = [source.name for source in config.sources]
    repository = Repository.load(home.metadata)
    keys, roles = key_rows(home, repository, names), role_rows(home, repository, config, system_clock())
    if output == "json":
        print_json(keys_to_json(keys, roles, config.runway_days))
        return
    click.echo(keys_to_text(keys, roles))
    waiting = read_waiting_proposal(home, repository)
    for line in short_roles_to_lines(roles, None if waiting is None else waiting.proposed.version):
        click.echo(printable(f"WARNING: {line}"), err=True)
