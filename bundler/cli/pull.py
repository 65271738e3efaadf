"""``bundle pull``: fetch only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import table_text

if TYPE_CHECKING:
    from bundler.pull.result import PullResult


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@output_option
@click.pass_obj
def command(settings: Settings, sources: tuple[str, ...], output: str) -> None:
    """Fetch the named sources, or all, and seal nothing.

    Exits with 10 when every source failed, and with 11 when some did; what was pulled last is kept.
    """
    from bundler.cli.own_places import own_places_of
    from bundler.config import load_config
    from bundler.context import Context
    from bundler.home import open_home
    from bundler.pull.pull import pull_all
    from manifests.clock import system_clock

    home = open_home(settings.home)
    config = load_config(home.config)
    with home.lock(), show_progress(settings) as shown:
        home.store().sweep()
        result = pull_all(Context(home, config, system_clock, shown, own_places_of(config)), sources)
    if output == "json":
        print_json(_to_json(result))
    else:
        click.echo(_to_text(result))
    _leave(result)


def _to_json(result: PullResult) -> dict[str, Any]:
    fresh = [record for record in result.records if record.failure is None]
    return {
        "sources": [
            {
                "name": record.name,
                "kind": record.kind,
                "targets": len(result.targets[record.name]),
                "content_bytes": sum(target.length for target in result.targets[record.name]),
                "unchanged": record.name in result.unchanged,
                "verification": record.verification,
            }
            for record in fresh
        ],
        "failures": [{"name": failure.name, "error": failure.error.to_json()} for failure in result.failures],
    }


def _to_text(result: PullResult) -> str:
    rows: list[tuple[str, ...]] = []
    for record in result.records:
        if record.failure is None:
            targets = result.targets[record.name]
            state = "unchanged" if record.name in result.unchanged else "pulled"
            size = f"{sum(target.length for target in targets):,}"
            rows.append((record.name, state, f"{len(targets):,}", size, record.verification))
    rows += [(failure.name, "FAILED", "", "", f"{failure.error} [{failure.error.code}]") for failure in result.failures]
    return (
        table_text(rows, ("source", "state", "files", "bytes", "verification")) if rows else "No source is configured."
    )


def _leave(result: PullResult) -> None:
    from manifests.errors import FetchError, PartialError

    if not result.failures:
        return
    names = ", ".join(failure.name for failure in result.failures)
    if any(record.failure is None for record in result.records):
        raise PartialError("pull.some-failed", f"Some sources failed: {names}", todo="bundle sources check")
    raise FetchError("pull.all-failed", f"Every source failed: {names}", todo="bundle sources check")
