"""``bundle inspect``: what a bundle claims to carry. Believes nothing, needs no home."""

from __future__ import annotations

from pathlib import Path

import click

from bundler.cli.options import named
from manifests.console.commands import output_option, print_json


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--targets", is_flag=True, help="List every target too.")
@output_option
def command(files: tuple[Path, ...], output: str, *, targets: bool) -> None:
    """Say what bundles claim to carry. Nothing is verified: use `bundle verify` for that."""
    from bundler.report import manifest as describe
    from manifests.bundle.claimed import claimed_manifest
    from manifests.bundle.opening import open_bundle

    found = []
    for path in files:
        with named(path), open_bundle(path) as file:
            manifest = claimed_manifest(file)
        if output == "json":
            found.append({"file": str(path), "verified": False, **describe.manifest_to_json(manifest, targets=targets)})
        else:
            click.echo(f"{path} (not verified: these are its own claims)")
            click.echo(describe.manifest_to_text(manifest, targets=targets))
    if output == "json":
        print_json(found)
