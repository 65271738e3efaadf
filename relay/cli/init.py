"""``relay init``: pin the publisher's root, make the store and TLS."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import click

from manifests.clock import system_clock
from manifests.console.commands import Settings, output_option, print_json
from manifests.features import CONNECTIVITIES, Connectivity
from relay.config import DEFAULT_LISTEN


@click.command()
@click.option(
    "--root",
    "root_path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The publisher's root.json, from `bundle keys export-root`.",
)
@click.option(
    "--connectivity",
    type=click.Choice(CONNECTIVITIES),
    default="isolated",
    show_default=True,
    help="What of the vendor's cloud can be reached from here.",
)
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, metavar="HOST:PORT", help="Where to serve.")
@output_option
@click.pass_obj
def command(settings: Settings, root_path: Path, connectivity: Connectivity, listen: str, output: str) -> None:
    """Make a relay that trusts one publisher. An existing one is never touched."""
    from manifests.disk.given_file import read_given_file
    from manifests.limits import DEFAULT_LIMITS
    from manifests.text import fingerprint_lines
    from relay.deliveries import suggest_place
    from relay.init import create_home, root_fingerprint
    from relay.server.tls import authority_file

    root = read_given_file(root_path, max_bytes=DEFAULT_LIMITS.root_bytes, what="the publisher's root.json").data
    home = create_home(
        settings.home,
        root,
        connectivity=connectivity,
        listen=listen,
        now=system_clock(),
        host_name=os.uname().nodename,
    )
    place = suggest_place(home.config_file)
    steps = (
        "Compare this fingerprint with the publisher's by telephone: bundle keys export-root shows it.",
        *(() if place is None else (place,)),
        "Start the service: relay run",
        f"Put a bundle into {home.inbox} (or: relay import FILE).",
    )
    if output == "json":
        print_json(
            {
                "home": str(home.path),
                "root_fingerprint": root_fingerprint(root),
                "connectivity": connectivity,
                "listen": listen,
                "ca": str(authority_file(home.tls)),
                "next": list(steps),
            }
        )
        return
    click.echo(f"A relay is ready in {home.path}\n\nFingerprint of the publisher's root (SHA-256):")
    click.echo(fingerprint_lines(hashlib.sha256(root).hexdigest()))
    click.echo(f"Agents trust {home.tls / 'ca.pem'}\n\nNext:")
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. {step}")
