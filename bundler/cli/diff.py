"""``bundle diff``: what changed between two bundles. Believes nothing, needs no home."""

from __future__ import annotations

from pathlib import Path

import click

from bundler.cli.bundle_files import refusals_name
from manifests.console.commands import output_option, print_json


@click.command()
@click.argument("old", type=click.Path(path_type=Path, exists=True))
@click.argument("new", type=click.Path(path_type=Path, exists=True))
@click.option("--targets", is_flag=True, help="List every file that changed too.")
@click.option("--rules", is_flag=True, help="List every rule that changed too.")
@output_option
def command(old: Path, new: Path, output: str, *, targets: bool, rules: bool) -> None:
    """Say what changed from bundle OLD to bundle NEW.

    Per source: targets added, updated and removed; and rule by rule for
    Suricata, YARA, Sigma and open rule packs. Signatures are not verified:
    use `bundle verify` for that. JSON lists everything.
    """
    from bundler.diff.content import ClaimedBundle, ClaimedContent
    from bundler.diff.rules import compare_rules
    from bundler.diff.targets import compare_targets
    from bundler.report.difference import difference_to_json, difference_to_text
    from manifests.bundle.opening import open_bundle

    with open_bundle(old) as old_file, open_bundle(new) as new_file:
        with refusals_name(old):
            before = ClaimedBundle(old_file)
        with refusals_name(new):
            after = ClaimedBundle(new_file)
        found = compare_targets(before.manifest, after.manifest)
        by_rule = compare_rules(found, ClaimedContent(before, after))
    if output == "json":
        print_json(difference_to_json(found, by_rule))
    else:
        click.echo(difference_to_text(found, by_rule, targets=targets, rules=rules))
