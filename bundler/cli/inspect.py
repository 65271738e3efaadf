"""``bundle inspect``: what a bundle claims to carry. Believes nothing, needs no home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bundler.cli.bundle_files import print_manifests, refusals_name
from manifests.console.commands import output_option

if TYPE_CHECKING:
    from manifests.manifest import Manifest


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE...")
@click.option("--targets", is_flag=True, help="List every file too.")
@output_option
def command(files: tuple[Path, ...], output: str, *, targets: bool) -> None:
    """Say what bundles claim to carry. Nothing is verified: use `bundle verify` for that."""
    found = ((path, _claimed(path)) for path in files)
    print_manifests(found, output, said=" (not verified: these are its own claims)", verified=False, targets=targets)


def _claimed(path: Path) -> Manifest:
    from manifests.bundle.claimed import claimed_manifest
    from manifests.bundle.opening import open_bundle

    with refusals_name(path), open_bundle(path) as file:
        return claimed_manifest(file)
