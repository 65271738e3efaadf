"""The command ``bundle``: one module per command; this one holds only the table and the program's options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import click

from manifests.console.commands import LazyGroup, Settings, run
from manifests.errors import ConfigurationError

COMMANDS = {
    "init": ("bundler.cli.init", "Make a publisher: keys, first root, commented configuration."),
    "sources": ("bundler.cli.sources", "List the configured sources; check: reachable, would yield what."),
    "pull": ("bundler.cli.pull", "Fetch only, seal nothing."),
    "create": ("bundler.cli.create", "Pull, seal, sign and verify one bundle."),
    "verify": ("bundler.cli.verify", "Verify bundles against a trusted root, offline."),
    "inspect": ("bundler.cli.inspect", "Say what a bundle claims to carry."),
    "diff": ("bundler.cli.diff", "Compare two bundles, target by target and rule by rule."),
    "sites": ("bundler.cli.sites", "Which site has what; import: take in receipts."),
    "gc": ("bundler.cli.gc", "Remove versions and content that nobody needs any longer."),
    "restored": ("bundler.cli.restored", "Go on after this home came back from a backup."),
    "keys": ("bundler.cli.keys", "List and rotate keys; the root ceremony by files."),
    "rulepack": ("bundler.cli.rulepack", "Build or show an open rule pack (.dsru)."),
}


def default_home() -> Path:
    """Return ``SEALIFT_HOME``, else ``~/.local/share/sealift/bundler``.

    Raises:
        ConfigurationError: ``home.unknown`` when this user has no home directory.
    """
    given = os.environ.get("SEALIFT_HOME")
    if given:
        return Path(given)
    try:
        return Path.home() / ".local/share/sealift/bundler"
    except RuntimeError as error:
        raise ConfigurationError(
            "home.unknown", "This user has no home directory", todo="give --home DIR, or set SEALIFT_HOME"
        ) from error


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="The publisher's directory.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.version_option(package_name="sealift", prog_name="bundle")
@click.pass_context
def group(ctx: click.Context, home: Path | None, *, quiet: bool) -> None:
    """Gather security updates in the DMZ and seal them into one signed bundle."""
    ctx.obj = Settings(home=(home or default_home()).absolute(), quiet=quiet)


def main() -> NoReturn:
    """Run ``bundle``."""
    run(group, "bundle")
