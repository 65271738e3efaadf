"""``relay gc``: forget old generations, remove content that nothing needs."""

from __future__ import annotations

import click

from manifests.clock import system_clock
from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import count_text


@click.command()
@click.option("--keep", type=click.IntRange(min=1), help="Generations to keep  [default: store.keep_generations]")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait for an import.")
@output_option
@click.pass_obj
def command(settings: Settings, keep: int | None, wait: float, output: str, *, dry_run: bool) -> None:
    """Forget old generations and remove content that nothing needs.

    What a ring serves stays, and what has arrived of generations that are not whole. What was served until just
    now goes ten minutes later.
    """
    from relay.config import load_config
    from relay.context import Context
    from relay.home import open_home
    from relay.store.garbage import collect_garbage

    home = open_home(settings.home)
    with show_progress(settings) as shown:
        context = Context(home, load_config(home.path), system_clock, shown)
        done = collect_garbage(context, keep=keep, wait_seconds=wait, dry_run=dry_run)
    if output == "json":
        print_json(
            {
                "generations": list(done.generations),
                "spared": list(done.spared),
                "blobs": done.blobs,
                "bytes": done.bytes,
                "applied": done.applied,
            }
        )
        return
    verb = "removed" if done.applied else "to remove"
    numbers = ", ".join(map(str, done.generations)) or "none"
    content = f"{count_text(done.blobs, 'file')}, {count_text(done.bytes, 'byte')}"
    click.echo(f"generations {verb}: {numbers}\ncontent {verb}: {content}")
    if done.spared:
        spared = ", ".join(map(str, done.spared))
        click.echo(f"later, since agents may still be downloading: {spared}; do: relay gc, in ten minutes")
