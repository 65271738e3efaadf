"""``relay events``: what happened."""

from __future__ import annotations

import click

from manifests.clock import instant_text
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import table_text


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many, the newest.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind (import, refused, ...); may be repeated.")
@output_option
@click.pass_obj
def command(settings: Settings, limit: int, kinds: tuple[str, ...], output: str) -> None:
    """Print what happened, newest last."""
    from relay.events.log import read_events
    from relay.home import open_home
    from relay.state import State

    home = open_home(settings.home)
    with State(home.database) as state:
        found = read_events(home, state, limit, kinds)
    if output == "json":
        print_json(
            {
                "events": [
                    {
                        "at": instant_text(event.at),
                        "kind": event.kind,
                        "text": event.text,
                        "details": dict(event.details),
                    }
                    for event in found
                ]
            }
        )
    else:
        click.echo(table_text([(instant_text(event.at), event.kind, event.text) for event in found]))
