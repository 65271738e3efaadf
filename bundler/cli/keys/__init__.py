"""``bundle keys``: one module per command; this one has only the table."""

from __future__ import annotations

import click

from manifests.console.commands import LazyGroup

COMMANDS = {
    "list": ("bundler.cli.keys.list_", "List roles, keys, where they are, and when trust runs out."),
    "export-root": ("bundler.cli.keys.export_root", "Print the trusted root that each site pins."),
    "generate": ("bundler.cli.keys.generate", "Make a key pair, on any machine."),
    "add": ("bundler.cli.keys.add", "Give a role another key."),
    "rotate": ("bundler.cli.keys.rotate", "Replace keys of a role."),
    "revoke": ("bundler.cli.keys.revoke", "Take a key from a role."),
    "passphrase": ("bundler.cli.keys.passphrase", "Give a private key file another passphrase."),
    "threshold": ("bundler.cli.keys.threshold", "Set how many keys of a role must sign."),
    "renew": ("bundler.cli.keys.renew", "Give root a later expiry."),
    "staged": ("bundler.cli.keys.staged", "Show, copy out or discard the root that waits for signatures."),
    "sign": ("bundler.cli.keys.sign", "Sign a proposed root, on any machine."),
    "accept": ("bundler.cli.keys.accept", "Gather signed copies and put the root in force."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """List and rotate keys; the root ceremony by files."""
