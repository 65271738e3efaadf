"""``bundle diff``: what changed between two bundles. Believes nothing, needs no home."""

from __future__ import annotations

from pathlib import Path

import click

from manifests.console import output_option, print_json


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@output_option
def command(old: Path, new: Path, output: str) -> None:
    """Say what changed from bundle OLD to bundle NEW, target by target."""
    from bundler import describe
    from manifests.bundle import claimed_manifest, open_bundle

    with open_bundle(old) as old_file, open_bundle(new) as new_file:
        diff = describe.difference(claimed_manifest(old_file), claimed_manifest(new_file))
    if output == "json":
        print_json(describe.difference_to_json(diff))
    else:
        click.echo(describe.difference_to_text(diff))
