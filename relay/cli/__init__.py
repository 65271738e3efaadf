"""The command ``relay``: one module per command; this one has only the table."""

from __future__ import annotations

from typing import NoReturn

from manifests.console.program import program_group, run_program

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
    "check-config": ("relay.cli.check_config", "Every error of relay.toml at once."),
    "gc": ("relay.cli.gc", "Forget old generations; remove content that nothing needs."),
    "deliver-rules": ("relay.cli.deliver_rules", "Rule packs into the manager inside; a dry run by default."),
    "tuf-client": ("relay.cli.tuf_client", "Verify and download from a TUF repository over HTTP(S)."),
}


group = program_group(
    "relay",
    "Verify bundles that crossed the air gap and serve them to agents.",
    COMMANDS,
    home_name="relay",
    home_help="The relay's directory.",
)


def main() -> NoReturn:
    """Run ``relay``."""
    run_program(group, "relay")
