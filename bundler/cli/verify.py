"""``bundle verify``: every byte of a bundle against a trusted root, offline, without a home."""

from __future__ import annotations

from pathlib import Path

import click

from bundler.cli.options import named
from manifests.clock import system_clock
from manifests.console.bars import progress
from manifests.console.commands import Settings, output_option, print_json


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--root", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The trusted root.json.")
@click.option("--accept-expired", is_flag=True, help="Verify a bundle that is past its lifetime, as an auditor would.")
@output_option
@click.pass_obj
def command(settings: Settings, files: tuple[Path, ...], root: Path, output: str, *, accept_expired: bool) -> None:
    """Verify every byte of bundles against a trusted root. Stops at the first that fails."""
    from bundler.report import manifest as describe
    from bundler.seal.verify import verify_sealed
    from manifests.durable import storage_errors
    from manifests.limits import DEFAULT
    from manifests.trust import trusted_root

    with named(root, "give the file of bundle keys export-root"), storage_errors(root), root.open("rb") as file:
        state = trusted_root(file.read(DEFAULT.root_bytes + 1))
    found = []
    for path in files:
        with named(path), progress(settings) as shown:
            manifest = verify_sealed(path, state, system_clock(), shown, accept_expired=accept_expired)
        if output == "json":
            found.append({"file": str(path), "verified": True, **describe.manifest_to_json(manifest, targets=False)})
        else:
            click.echo(f"{path}: verified")
            click.echo(describe.manifest_to_text(manifest, targets=False))
    if output == "json":
        print_json(found)
