"""``bundle gc``: remove what nobody needs any longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from manifests.clock import system_clock
from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import count_text


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@output_option
@click.pass_obj
def command(settings: Settings, output: str, *, dry_run: bool) -> None:
    """Remove old versions, and content that nothing needs any longer.

    Kept are the newest versions (retention_generations in bundler.toml, 10
    by default), what each registered site has or may still be sent, and the
    last good content of every source.
    """
    from bundler.config import load_config
    from bundler.context import Context
    from bundler.home import open_home
    from bundler.jobs.gc import collect_garbage

    home = open_home(settings.home)
    with show_progress(settings) as shown:
        found = collect_garbage(Context(home, load_config(home.config), system_clock, shown), dry_run=dry_run)
    if output == "json":
        print_json({"dry_run": dry_run, **asdict(found)})
        return
    said = "would be removed" if dry_run else "removed"
    click.echo(
        f"{said}: {_versions(found.versions)}; {count_text(found.blobs, 'file')}, {count_text(found.length, 'byte')}"
    )
    click.echo(
        f"kept: {_versions(found.kept_versions)}; {count_text(found.kept_blobs, 'file')}, "
        f"{count_text(found.kept_length, 'byte')}"
    )
    for site in found.sites:
        click.echo(f"  for site {site.site}, by its last receipt: {_versions(site.versions)}")


def _versions(versions: Sequence[int]) -> str:
    if not versions:
        return "no version"
    return f"version{'s' if len(versions) > 1 else ''} " + ", ".join(map(str, versions))
