"""``bundle verify``: every byte of a bundle against a trusted root, offline, without a home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bundler.cli.bundle_files import print_manifests, refusals_name
from manifests.clock import system_clock
from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option

if TYPE_CHECKING:
    from manifests.manifest import Manifest


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE...")
@click.option("--root", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The trusted root.json.")
@click.option("--accept-expired", is_flag=True, help="Verify a bundle that is past its lifetime, as an auditor would.")
@output_option
@click.pass_obj
def command(settings: Settings, files: tuple[Path, ...], root: Path, output: str, *, accept_expired: bool) -> None:
    """Verify every byte of bundles against a trusted root. Stops at the first that fails."""
    from bundler.seal.verify import verify_sealed
    from manifests.disk.given_file import read_given_file
    from manifests.limits import DEFAULT_LIMITS
    from manifests.trust import trusted_root

    data = read_given_file(root, max_bytes=DEFAULT_LIMITS.root_bytes, what="the trusted root.json").data
    with refusals_name(root, "give the file of bundle keys export-root"):
        state = trusted_root(data)

    def verified(path: Path) -> Manifest:
        with refusals_name(path), show_progress(settings) as shown:
            return verify_sealed(path, state, system_clock(), shown, accept_expired=accept_expired)

    found = ((path, verified(path)) for path in files)
    print_manifests(found, output, said=": verified", verified=True, targets=False)
