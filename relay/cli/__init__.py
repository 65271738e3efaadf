"""The command ``relay``: one module per command; this one holds only the table and the program's options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import click

from manifests.console.commands import LazyGroup, Settings, run
from manifests.errors import ConfigurationError

COMMANDS = {
    "init": ("relay.cli.init", "Pin the publisher's root; make the store and TLS."),
    "run": ("relay.cli.run", "Watch, import and serve: the service."),
    "import": ("relay.cli.import_", "Import bundles by hand; the files are left where they are."),
    "status": ("relay.cli.status", "What is served, how old it is, when trust runs out."),
    "events": ("relay.cli.events", "What happened, newest last."),
    "features": ("relay.cli.features", "The cloud-dependent features to disable here."),
    "generations": ("relay.cli.generations", "Every generation in the store."),
    "receipt": ("relay.cli.receipt", "What this site has, signed: a file, or QR codes."),
    "quarantine": ("relay.cli.quarantine", "List, show, restore, export or delete refused bundles."),
    "check": ("relay.cli.check", "Hash the store again and say what is damaged."),
    "gc": ("relay.cli.gc", "Forget old generations; remove content that nothing needs."),
    "deliver-rules": ("relay.cli.deliver_rules", "Rule packs into the manager inside; a dry run at first."),
    "tuf-client": ("relay.cli.tuf_client", "Verify and download from a TUF repository over HTTP(S)."),
}


def default_home() -> Path:
    """Return ``SEALIFT_HOME``, else ``~/.local/share/sealift/relay``.

    Raises:
        ConfigurationError: ``home.unknown`` when this user has no home directory.
    """
    given = os.environ.get("SEALIFT_HOME")
    if given:
        return Path(given)
    try:
        return Path.home() / ".local/share/sealift/relay"
    except RuntimeError as error:
        raise ConfigurationError(
            "home.unknown", "This user has no home directory", todo="give --home DIR, or set SEALIFT_HOME"
        ) from error


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="The relay's directory.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.version_option(package_name="sealift", prog_name="relay")
@click.pass_context
def group(ctx: click.Context, home: Path | None, *, quiet: bool) -> None:
    """Verify bundles that crossed the air gap and serve them to agents."""
    ctx.obj = Settings(home=(home or default_home()).absolute(), quiet=quiet)


def main() -> NoReturn:
    """Run ``relay``."""
    run(group, "relay")
