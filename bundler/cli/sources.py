"""``bundle sources``: what is configured, how fresh it is, and whether the upstreams answer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from manifests.console import Settings, output_option, print_json, progress, table

if TYPE_CHECKING:
    from bundler.pull import CheckResult
    from bundler.source_status import Status


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def command(ctx: click.Context, output: str) -> None:
    """List the configured sources: kind, content, last pull, age, verification."""
    if ctx.invoked_subcommand is not None:
        return
    from bundler.config import load
    from bundler.home import open_home
    from bundler.source_status import statuses
    from manifests.clock import system_clock

    settings: Settings = ctx.obj
    home = open_home(settings.home)
    found = statuses(home, load(home.config))
    now = system_clock()
    if output == "json":
        print_json([_status_to_json(status, now) for status in found])
        return
    rows = [_status_row(status, now) for status in found]
    header = ("source", "kind", "targets", "bytes", "last pulled", "age", "verification")
    click.echo(table(rows, header) if rows else "No source is configured: add a [[source]] to bundler.toml.")


@command.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@output_option
@click.pass_obj
def check(settings: Settings, sources: tuple[str, ...], output: str) -> None:
    """Ask the upstreams whether they answer and what a pull would yield; store nothing.

    Leaves with 10 when one does not answer as it should.
    """
    from bundler.config import load
    from bundler.home import open_home
    from bundler.pull import check_all
    from manifests.clock import system_clock
    from manifests.errors import FetchError

    home = open_home(settings.home)
    config = load(home.config)
    with progress(settings) as shown:
        results = check_all(home, config, home.store(), system_clock, shown, sources)
    if output == "json":
        print_json([_check_to_json(result) for result in results])
    else:
        rows = [_check_row(result) for result in results]
        click.echo(
            table(rows, ("source", "kind", "state", "targets", "new", "says")) if rows else "No source is configured."
        )
    failed = [result.name for result in results if result.error is not None]
    if failed:
        raise FetchError("sources.unreachable", f"Sources that would fail: {', '.join(failed)}")


def _status_row(status: Status, now: datetime) -> tuple[str, ...]:
    from bundler.source_status import age_text
    from manifests.clock import to_text

    said = f"FAILED: {status.failure}" if status.failure else status.verification
    if status.pulled_at is None:
        return (status.name, status.kind, "", "", "never", "", said)
    size = f"{status.content_bytes:,}"
    age = age_text(now - status.pulled_at)
    return (status.name, status.kind, f"{status.targets:,}", size, to_text(status.pulled_at), age, said)


def _status_to_json(status: Status, now: datetime) -> dict[str, Any]:
    from manifests.clock import to_text

    pulled_at = status.pulled_at
    return {
        "name": status.name,
        "kind": status.kind,
        "targets": status.targets,
        "content_bytes": status.content_bytes,
        "pulled_at": None if pulled_at is None else to_text(pulled_at),
        "age_seconds": None if pulled_at is None else max(0, int((now - pulled_at).total_seconds())),
        "verification": status.verification,
        "failure": status.failure,
    }


def _check_row(result: CheckResult) -> tuple[str, ...]:
    if result.check is None:
        return (
            result.name,
            result.kind,
            "FAILED",
            "",
            "",
            f"{result.error} [{result.error.code if result.error else ''}]",
        )
    new = sum(target.state != "unchanged" for target in result.check.targets)
    return (result.name, result.kind, "ok", f"{len(result.check.targets):,}", f"{new:,}", result.check.note)


def _check_to_json(result: CheckResult) -> dict[str, Any]:
    value: dict[str, Any] = {"name": result.name, "kind": result.kind, "error": None}
    if result.check is None:
        value["error"] = result.error.to_json() if result.error else None
        return value
    value["note"] = result.check.note
    value["targets"] = [{"path": t.path, "length": t.length, "state": t.state} for t in result.check.targets]
    return value
