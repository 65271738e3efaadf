"""``bundle rulepack``: make and look into open rule packs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifests.console.commands import output_option, print_json
from manifests.text import count_text

if TYPE_CHECKING:
    from manifests.archives.rulepack import RulePack


@click.group()
def command() -> None:
    """Build or show an open rule pack (.dsru)."""


@command.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write; default RELEASE.dsru.")
@click.option("--release", metavar="YY-NNN", help="Instead of the release in rulepack.json.")
@output_option
def build(directory: Path, out: Path | None, release: str | None, output: str) -> None:
    """Make an open rule pack from DIRECTORY, which holds rulepack.json and the rule files that it names."""
    from bundler.report.rulepack import pack_to_json, pack_to_text
    from bundler.rules.build import build_pack

    built = build_pack(directory, out, release)
    if output == "json":
        print_json(
            {"path": str(built.path), "length": built.length, "sha256": built.sha256, "pack": pack_to_json(built.pack)}
        )
        return
    click.echo(f"{built.path}  {count_text(built.length, 'byte')}  sha256 {built.sha256}")
    click.echo(pack_to_text(built.pack))


@command.command()
@click.argument("files", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--rules", is_flag=True, help="List every rule.")
@output_option
def show(files: tuple[Path, ...], output: str, *, rules: bool) -> None:
    """Check FILES and say what is in them, newest release first."""
    from bundler.report.rulepack import pack_rules_to_text, pack_to_json, pack_to_text

    packs = _newest_first(files)
    if output == "json":
        print_json([{"path": str(path), "pack": pack_to_json(pack, rules=rules)} for path, pack in packs])
        return
    for path, pack in packs:
        click.echo(f"{path}: {pack_to_text(pack)}")
        if rules and pack is not None:
            click.echo(pack_rules_to_text(pack))


def _newest_first(files: tuple[Path, ...]) -> list[tuple[Path, RulePack | None]]:
    from manifests.archives.rulepack import Release, read_rule_pack
    from manifests.disk.given_file import open_given_file

    found: list[tuple[Path, RulePack | None]] = []
    for path in files:
        with open_given_file(path, what="a rule pack (.dsru)") as file:
            found.append((path, read_rule_pack(file)))

    def release(entry: tuple[Path, RulePack | None]) -> Release:
        path, pack = entry
        return pack.release if pack else Release.of_file(path.name) or Release(0, 0)

    return sorted(found, key=release, reverse=True)
