"""``bundle keys accept``: gather signed copies and put the root in force."""

from __future__ import annotations

from pathlib import Path

import click

from bundler.cli.keys.common import CeremonyOptions, open_ceremony, tell_outcome
from bundler.cli.options import input_file
from manifests.console.commands import Settings, output_option


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=input_file)
@output_option
@click.pass_obj
def command(settings: Settings, files: tuple[Path, ...], output: str) -> None:
    """Gather the signatures of signed copies; enough of them put the root in force.

    Copies come in any order, together or one by one: what does not suffice yet is kept, and who else must sign is said.
    """
    with open_ceremony(settings, CeremonyOptions(output=output)) as session:
        tell_outcome(session, session.ceremony.accept_copies(files))
