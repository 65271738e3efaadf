"""``bundle keys threshold``: how many keys of a role must sign."""

from __future__ import annotations

from typing import Any

import click

from bundler.cli.keys.common import CeremonyOptions, change_options, open_ceremony, tell_outcome
from manifests.console.commands import Settings


@click.command()
@click.argument("role")
@click.argument("count", type=click.IntRange(min=1))
@change_options
@click.pass_obj
def command(settings: Settings, /, role: str, count: int, **options: Any) -> None:
    """Let COUNT keys of ROLE have to sign."""
    with open_ceremony(settings, CeremonyOptions(**options)) as session:
        tell_outcome(session, session.key_changes.set_threshold(role, count))
