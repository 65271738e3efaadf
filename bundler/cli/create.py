"""``bundle create``: the main job."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from bundler.cli.options import secrets_options
from manifests.clock import system_clock
from manifests.console import Settings, output_option, print_json, progress
from manifests.errors import PartialError


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the bundle goes.")
@click.option("--no-pull", is_flag=True, help="Seal what was pulled last; fetch nothing.")
@click.option("--allow-partial", is_flag=True, help="If sources fail, seal their last good content (exit code 11).")
@click.option("--note", type=click.Path(path_type=Path, dir_okay=False), help="Release notes to carry (Markdown).")
@secrets_options
@output_option
@click.pass_obj
def command(
    settings: Settings,
    out: Path,
    note: Path | None,
    passphrase_file: Path | None,
    pin_file: Path | None,
    output: str,
    *,
    no_pull: bool,
    allow_partial: bool,
) -> None:
    """Pull the sources, seal one signed bundle and verify what was written."""
    from bundler import describe
    from bundler.config import load
    from bundler.create import Order, create
    from bundler.home import open_home
    from bundler.keys import signers_of
    from manifests.durable import storage_errors

    home = open_home(settings.home)
    config = load(home.config)
    notes = None
    if note is not None:
        with storage_errors(note):
            notes = note.read_bytes()
    order = Order(
        out=out, tool=f"sealift {version('sealift')}", pull=not no_pull, allow_partial=allow_partial, notes=notes
    )
    with progress(settings) as shown:
        created = create(home, config, order, signers_of(home, config, passphrase_file, pin_file), system_clock, shown)
    for warning in created.warnings:
        click.echo(f"warning: {warning}", err=True)
    if output == "json":
        print_json(
            {
                "file": str(created.path),
                "length": created.length,
                "sha256": created.sha256,
                **describe.manifest_to_json(created.manifest, targets=False),
            }
        )
    else:
        click.echo(describe.manifest_to_text(created.manifest, targets=False))
        click.echo(f"\n{created.path}\n{created.length:,} bytes\nsha256 {created.sha256}")
    if created.failures:
        raise PartialError(
            "create.partial",
            f"{len(created.failures)} of the sources failed; the bundle carries their last good content, if any",
            have="; ".join(f"{failure.name}: {failure.error.what}" for failure in created.failures),
            todo="bundle sources check",
        )
