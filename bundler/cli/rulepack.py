"""``bundle rulepack``: make and look into open rule packs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifests.console.commands import output_option, print_json
from manifests.text import table_text

if TYPE_CHECKING:
    from manifests.rulepack import RulePack


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
    from bundler.rules.build import build_pack

    built = build_pack(directory, out, release)
    if output == "json":
        print_json(
            {"path": str(built.path), "length": built.length, "sha256": built.sha256, "pack": _to_json(built.pack)}
        )
        return
    click.echo(f"{built.path}  {built.length:,} bytes  sha256 {built.sha256}")
    click.echo(_summary(built.pack))


@command.command()
@click.argument("files", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--rules", is_flag=True, help="List every rule.")
@output_option
def show(files: tuple[Path, ...], output: str, *, rules: bool) -> None:
    """Check FILES and say what is in them, newest release first."""
    packs = _newest_first(files)
    if output == "json":
        print_json([{"path": str(path), "pack": _to_json(pack, rules=rules)} for path, pack in packs])
        return
    for path, pack in packs:
        click.echo(f"{path}: {_summary(pack)}")
        if rules and pack is not None:
            rows = [(r.kind, r.identifier, r.change or "", r.severity or "", r.name) for r in pack.rules]
            click.echo(table_text(rows, ("kind", "identifier", "change", "severity", "name")))


def _newest_first(files: tuple[Path, ...]) -> list[tuple[Path, RulePack | None]]:
    from manifests.durable import storage_errors
    from manifests.rulepack import Release, read_rule_pack

    found: list[tuple[Path, RulePack | None]] = []
    for path in files:
        with storage_errors(path), path.open("rb") as file:
            found.append((path, read_rule_pack(file)))

    def release(entry: tuple[Path, RulePack | None]) -> Release:
        path, pack = entry
        return pack.release if pack else Release.of_file(path.name) or Release(0, 0)

    return sorted(found, key=release, reverse=True)


def _summary(pack: RulePack | None) -> str:
    from manifests.rulepack import VENDOR_LABEL

    if pack is None:
        return f"no open rule pack; it would be {VENDOR_LABEL}"
    counts = ", ".join(f"{count} {kind}" for kind, count in pack.counts().items() if count) or "no rules"
    changes = ", ".join(f"{count} {change}" for change, count in pack.changes().items())
    return f"release {pack.release} of {pack.released}: {counts}" + (f" ({changes})" if changes else "")


def _to_json(pack: RulePack | None, *, rules: bool = False) -> dict[str, Any] | None:
    if pack is None:
        return None
    value: dict[str, Any] = dict(pack.facts())
    if rules:
        value["rule_list"] = [{key: item for key, item in vars(rule).items() if item} for rule in pack.rules]
    return value
