"""``bundle keys staged``: the root that waits for signatures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bundler.cli.keys.common import CeremonyOptions, open_ceremony
from manifests.console.commands import Settings, output_option, print_json

if TYPE_CHECKING:
    from bundler.keys.keyring import KeyEntry


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Copy it here.")
@click.option("--discard", is_flag=True, help="Forget it.")
@output_option
@click.pass_obj
def command(settings: Settings, out: Path | None, output: str, *, discard: bool) -> None:
    """Show, copy out or discard the root that waits for signatures.

    Without --discard it writes nothing into the home.
    """
    from bundler.ceremony.ceremony import RootOutcome, require_waiting_proposal
    from bundler.home import open_home
    from bundler.report.keys import outcome_to_json, proposal_to_text
    from bundler.repository.repository import Repository
    from manifests.disk import durable

    home = open_home(settings.home)
    proposal = require_waiting_proposal(home, Repository.load(home.metadata))
    if out is not None:
        durable.write_file(out, proposal.encode())
    unused: tuple[KeyEntry, ...] = ()
    if discard:
        with open_ceremony(settings, CeremonyOptions()) as session:
            unused = session.ceremony.discard_proposal()
    if output == "json":
        print_json(outcome_to_json(RootOutcome(proposal, in_force=False)))
        return
    click.echo(proposal_to_text(proposal))
    if discard:
        click.echo("Discarded.")
    for entry in unused:
        private = str(entry.uri).removeprefix("file:")
        click.echo(
            f"The private key {entry.name} was made for it, and signs for nothing now. Unless a copy of the proposal "
            f"is still on its way, run: rm {private} {private.removesuffix('.pem')}.pub"
        )
