"""``bundle keys export-root``: the trusted root that each site pins."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import click

from manifests.console.commands import Settings
from manifests.text import fingerprint_lines


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it here.  [default: stdout]")
@click.pass_obj
def command(settings: Settings, out: Path | None) -> None:
    """Print the newest root, after verifying its whole chain. Its SHA-256 goes to stderr: compare it by another way."""
    from bundler.home import open_home
    from bundler.repository.repository import Repository
    from manifests.disk import durable

    data = Repository.load(open_home(settings.home).metadata).roots[-1]
    if out is None:
        sys.stdout.buffer.write(data)
    else:
        durable.write_file(out, data)
    digest = hashlib.sha256(data).hexdigest()
    click.echo(f"sha256 {digest}\nThe same as relay init shows it, to compare by telephone:", err=True)
    click.echo(fingerprint_lines(digest), nl=False, err=True)
