"""``relay quarantine``: look at refused bundles, get them out, or delete them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifests.clock import instant_text, system_clock
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import table_text

if TYPE_CHECKING:
    from relay.home import Home
    from relay.quarantine.registry import RefusedBundle


@click.group(name="quarantine")
def command() -> None:
    """List, show, restore, export or delete refused bundles. An id may be shortened."""


@command.command(name="list")
@output_option
@click.pass_obj
def list_(settings: Settings, output: str) -> None:
    """List what was refused, oldest first."""
    from relay.home import open_home
    from relay.quarantine.registry import refused_bundles

    found = refused_bundles(open_home(settings.home))
    if output == "json":
        print_json({"quarantine": [record.to_json() for record in found]})
        return
    rows: list[tuple[str, ...]] = [
        (record.id[:12], instant_text(record.at), record.code, f"{record.length:,}", f"{record.times}x", record.name)
        for record in found
    ]
    header = ("id", "refused", "reason", "bytes", "came", "name")
    click.echo(table_text(rows, header) if rows else "The quarantine is empty.")


@command.command()
@click.argument("record_id", metavar="ID")
@output_option
@click.pass_obj
def show(settings: Settings, record_id: str, output: str) -> None:
    """Show why one file was refused."""
    _, record = _find(settings, record_id)
    if output == "json":
        print_json(record.to_json())
    else:
        click.echo(table_text([(name, str(value)) for name, value in record.to_json().items()]))


@command.command()
@click.argument("record_id", metavar="ID")
@click.pass_obj
def restore(settings: Settings, record_id: str) -> None:
    """Put a file back into the first inbox, to be tried again."""
    from relay.config import load_config
    from relay.quarantine.registry import restore_refused

    home, record = _find(settings, record_id)
    path = restore_refused(home, load_config(home.path), record)
    _log(home, record, "restored")
    click.echo(str(path))


@command.command()
@click.argument("record_id", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
@click.pass_obj
def export(settings: Settings, record_id: str, out: Path) -> None:
    """Write a file elsewhere, as it was; it stays in quarantine."""
    from relay.quarantine.registry import export_refused

    home, record = _find(settings, record_id)
    export_refused(home, record, out)
    _log(home, record, "exported")
    click.echo(str(out))


@command.command()
@click.argument("record_ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
def delete(settings: Settings, record_ids: tuple[str, ...]) -> None:
    """Remove files for good."""
    from relay.quarantine.registry import delete_refused

    for record_id in record_ids:
        home, record = _find(settings, record_id)
        delete_refused(home, record)
        _log(home, record, "deleted")
        click.echo(record.id)


def _find(settings: Settings, record_id: str) -> tuple[Home, RefusedBundle]:
    from relay.home import open_home
    from relay.quarantine.registry import find_refused_bundle

    home = open_home(settings.home)
    return home, find_refused_bundle(home, record_id)


def _log(home: Home, record: RefusedBundle, done: str) -> None:
    from relay.events.log import log_event
    from relay.state import Event

    text = f"{record.name} ({record.id[:12]}) was {done}"
    log_event(home, Event(system_clock(), "quarantine", text, {"id": record.id, "action": done}))
