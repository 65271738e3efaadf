"""``bundle keys renew``: a root with a later expiry."""

from __future__ import annotations

from typing import Any

import click

from bundler.cli.keys.common import CeremonyOptions, change_options, open_ceremony, tell_outcome
from manifests.console.commands import Settings


@click.command()
@change_options
@click.pass_obj
def command(settings: Settings, /, **options: Any) -> None:
    """Give root a later expiry (expiry_days.root from now); its keys stay."""
    with open_ceremony(settings, CeremonyOptions(**options)) as session:
        tell_outcome(session, session.ceremony.renew_root(sign=not session.options.stage))
