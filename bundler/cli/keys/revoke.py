"""``bundle keys revoke``: take a key from a role."""

from __future__ import annotations

from typing import Any

import click

from bundler.cli.keys.common import CeremonyOptions, change_options, open_ceremony, tell_outcome
from manifests.console.commands import Settings


@click.command()
@click.argument("role")
@click.argument("keyid")
@change_options
@click.pass_obj
def command(settings: Settings, /, role: str, keyid: str, **options: Any) -> None:
    """Take the key KEYID (or the beginning of its id) from ROLE."""
    with open_ceremony(settings, CeremonyOptions(**options)) as session:
        tell_outcome(session, session.key_changes.revoke_key(role, keyid))
