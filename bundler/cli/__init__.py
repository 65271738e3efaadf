"""The command ``bundle``: one module per command; this one has only the table."""

from __future__ import annotations

from typing import NoReturn

from manifests.console.program import program_group, run_program

COMMANDS = {
    "init": ("bundler.cli.init", "Make a publisher: keys, first root, commented configuration."),
    "sources": ("bundler.cli.sources", "List the sources; check: what is reachable and new."),
    "check-config": ("bundler.cli.check_config", "Every error of bundler.toml at once."),
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


group = program_group(
    "bundle",
    "Gather security updates in the DMZ and seal them into one signed bundle.",
    COMMANDS,
    home_name="bundler",
    home_help="The publisher's directory.",
)


def main() -> NoReturn:
    """Run ``bundle``."""
    run_program(group, "bundle")
