"""``bundle keys list``: roles, keys, where they are, and when trust runs out."""

from __future__ import annotations

from dataclasses import asdict

import click

from manifests.clock import instant_text, system_clock
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import table_text


@click.command("list")
@output_option
@click.pass_obj
def command(settings: Settings, output: str) -> None:
    """List every role with its keys: id, scheme, where the private key is, until when the role is good."""
    from bundler.ceremony.status import key_rows, role_rows
    from bundler.config import load_config
    from bundler.home import open_home
    from bundler.repository.repository import Repository

    home = open_home(settings.home)
    config = load_config(home.config)
    names = [source.name for source in config.sources]
    repository = Repository.load(home.metadata)
    keys, roles = key_rows(home, repository, names), role_rows(repository, names, system_clock())
    short = [row for row in roles if row.days is not None and row.days < config.runway_days]
    if output == "json":
        print_json(
            {
                "keys": [asdict(row) for row in keys],
                "roles": [
                    {**asdict(row), "expires_at": None if row.expires_at is None else instant_text(row.expires_at)}
                    for row in roles
                ],
                "runway_days": config.runway_days,
                "short": [row.role for row in short],
            }
        )
        return
    click.echo(
        table_text(
            [(row.role or "(no role)", row.keyid[:12], row.scheme, row.uri or "not here") for row in keys],
            ("ROLE", "KEY", "SCHEME", "PRIVATE KEY"),
        )
    )
    click.echo()
    click.echo(
        table_text(
            [
                (
                    row.role,
                    f"{row.threshold} of {row.keys}",
                    "-" if row.expires_at is None else instant_text(row.expires_at),
                    "-" if row.days is None else str(row.days),
                )
                for row in roles
            ],
            ("ROLE", "SIGNED BY", "GOOD UNTIL", "DAYS LEFT"),
        )
    )
    for row in short:
        remedy = "bundle keys renew" if row.role == "root" else "bundle create"
        click.echo(f"WARNING: {row.role} is good for {row.days} more days only: {remedy}", err=True)
