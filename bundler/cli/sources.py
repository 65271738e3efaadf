"""``bundle sources``: what is configured, how fresh it is, and whether the upstreams answer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import table_text

if TYPE_CHECKING:
    from bundler.pull.check import CheckResult
    from bundler.pull.status import SourceStatus


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def command(ctx: click.Context, output: str) -> None:
    """List the configured sources: kind, content, last pull, age, verification."""
    if ctx.invoked_subcommand is not None:
        return
    from bundler.config import load_config
    from bundler.home import open_home
    from bundler.pull.status import read_source_statuses
    from manifests.clock import system_clock

    settings: Settings = ctx.obj
    home = open_home(settings.home)
    found = read_source_statuses(home, load_config(home.config))
    now = system_clock()
    if output == "json":
        print_json([_status_to_json(status, now) for status in found])
        return
    rows = [_status_row(status, now) for status in found]
    header = ("source", "kind", "files", "bytes", "age", "version", "verification")
    click.echo(table_text(rows, header) if rows else "No source is configured: add a [[source]] to bundler.toml.")


@command.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@output_option
@click.pass_obj
def check(settings: Settings, sources: tuple[str, ...], output: str) -> None:
    """Ask the upstreams whether they answer and what a pull would yield; store nothing.

    Exits with 10 when one does not answer as it should, with 3 when bundler.toml has errors; the other sources are
    asked all the same.
    """
    from bundler.cli.own_places import own_places_of
    from bundler.config import read_config
    from bundler.context import Context
    from bundler.home import open_home
    from bundler.pull.check import CheckResult, check_all
    from bundler.pull.status import SourceStatus, read_source_statuses
    from manifests.clock import system_clock
    from manifests.errors import ConfigurationError, FetchError

    home = open_home(settings.home)
    reading = read_config(home.config)
    config = reading.sound_part
    broken = [source for source in reading.broken if not sources or source.name in sources]
    wanted = [name for name in sources if name not in {source.name for source in broken}]
    results: list[CheckResult] = []
    if wanted or not sources:
        with show_progress(settings) as shown:
            results += check_all(Context(home, config, system_clock, shown, own_places_of(config)), wanted)
    results += [CheckResult(source.name, source.kind, None, error) for source in broken for error in source.errors]
    here = {source.name: SourceStatus(source.name, source.kind) for source in broken}
    here |= {status.name: status for status in read_source_statuses(home, config)}
    now = system_clock()
    if output == "json":
        print_json([_check_to_json(result, here[result.name], now) for result in results])
    else:
        rows = [_check_row(result, here[result.name], now) for result in results]
        header = ("source", "kind", "state", "there", "here", "age", "files", "new", "says")
        click.echo(table_text(rows, header) if rows else "No source is configured.")
    if broken:
        raise ConfigurationError(
            "sources.broken",
            f"Sources of bundler.toml that cannot be used: {', '.join(source.name for source in broken)}",
            todo="correct them; bundle check-config names every error",
        )
    failed = [result.name for result in results if result.error is not None]
    if failed:
        raise FetchError("sources.unreachable", f"Sources that would fail: {', '.join(failed)}")


def _status_row(status: SourceStatus, now: datetime) -> tuple[str, ...]:
    said = (f"FAILED: {status.failure}" if status.failure else status.verification) + _licence(status)
    if status.pulled_at is None:
        return (status.name, status.kind, "", "", "never", "", said)
    size, version = f"{status.content_bytes:,}", status.version or ""
    return (status.name, status.kind, f"{status.targets:,}", size, status.age_text(now), version, said)


def _licence(status: SourceStatus) -> str:
    return "" if status.licence is None else f"; licence: {status.licence}"


def _status_to_json(status: SourceStatus, now: datetime) -> dict[str, Any]:
    return {
        "name": status.name,
        "kind": status.kind,
        "targets": status.targets,
        "content_bytes": status.content_bytes,
        **_here(status, now),
        "version": status.version,
        "verification": status.verification,
        "failure": status.failure,
    }


def _here(status: SourceStatus, now: datetime) -> dict[str, Any]:
    """How fresh what we have is, for machines."""
    from manifests.clock import instant_text

    pulled_at, age = status.pulled_at, status.age(now)
    return {
        "pulled_at": None if pulled_at is None else instant_text(pulled_at),
        "age_seconds": None if age is None else int(age.total_seconds()),
        "fresh_days": status.fresh_days,
        "stale": status.stale(now),
        "licence": status.licence,
    }


def _check_row(result: CheckResult, status: SourceStatus, now: datetime) -> tuple[str, ...]:
    here = (status.version or ("" if status.pulled_at else "nothing"), status.age_text(now))
    if result.check is None:
        said = f"{result.error} [{result.error.code if result.error else ''}]"
        return (result.name, result.kind, "FAILED", "", *here, "", "", said)
    targets = result.check.targets
    new = sum(target.state.is_new for target in targets)
    said = result.check.note + _licence(status)
    return (
        result.name,
        result.kind,
        "ok",
        result.check.version or "",
        *here,
        f"{len(targets):,}",
        f"{new:,}",
        said,
    )


def _check_to_json(result: CheckResult, status: SourceStatus, now: datetime) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": result.name,
        "kind": result.kind,
        "reachable": result.check is not None,
        "version_there": None if result.check is None else result.check.version,
        "version_here": status.version,
        **_here(status, now),
        "error": None,
    }
    if result.check is None:
        value["error"] = result.error.to_json() if result.error else None
        return value
    value["note"] = result.check.note
    value["targets"] = [{"path": t.path, "length": t.length, "state": t.state.value} for t in result.check.targets]
    return value
