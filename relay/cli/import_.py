"""``relay import``: the same import as an inbox's, by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifests.clock import instant_text, system_clock
from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.errors import UsageError
from manifests.text import printable

if TYPE_CHECKING:
    from relay.afterwards import FollowUp
    from relay.importing.result import ImportResult
    from relay.importing.several import Attempt


@click.command(name="import")
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR...", type=click.Path(path_type=Path, exists=True))
@click.option("--accept-expired", is_flag=True, help="Believe expired roles; the event log records it.")
@click.option("--all-or-nothing", is_flag=True, help="Keep nothing of a damaged bundle.")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait for another import.")
@output_option
@click.pass_obj
def command(
    settings: Settings, paths: tuple[Path, ...], wait: float, output: str, *, accept_expired: bool, all_or_nothing: bool
) -> None:
    """Import bundles, of a directory every one, oldest first. The files are left where they are.

    Volumes come in any order. Exits with 24 when a generation is still incomplete after all files; what has
    arrived of it is kept.
    """
    from relay.afterwards import FollowUp, follow_import
    from relay.config import load_config
    from relay.context import Context
    from relay.home import open_home
    from relay.importing.importer import import_bundle
    from relay.importing.several import find_shortfall, import_paths
    from relay.state import State

    home = open_home(settings.home)
    config = load_config(home.path)

    def newest() -> int:
        with State(home.database) as state:
            return state.generations.find_newest_number()

    attempts: list[tuple[Attempt, FollowUp]] = []
    with show_progress(settings) as shown:
        context = Context(home, config, system_clock, shown)

        def import_one(path: Path) -> ImportResult:
            return import_bundle(
                context, path, accept_expired=accept_expired, wait_seconds=wait, all_or_nothing=all_or_nothing
            )

        for attempt in import_paths(paths, newest, import_one):
            followed = FollowUp()
            if attempt.result is not None or not attempt.more_to_come:
                followed = follow_import(context, more_to_come=attempt.more_to_come, wait_seconds=wait)
            attempts.append((attempt, followed))
            if output == "text":
                click.echo(_to_text(attempt, followed))
    if output == "json":
        print_json({"files": [_to_json(attempt, followed) for attempt, followed in attempts]})
    if not attempts:
        raise UsageError(
            "import.nothing",
            f"There is no bundle in {', '.join(map(str, paths))}",
            need="files such as plant-000042-full.zip, whatever their names",
            todo=f"see whether the stick is mounted there: ls {shlex.join(map(str, paths))}",
        )
    error = find_shortfall([attempt for attempt, _ in attempts], newest())
    if error is not None:
        raise error


def _to_text(attempt: Attempt, followed: FollowUp) -> str:
    after = tuple(failure.event.text for failure in followed.failures)
    if attempt.result is not None:
        said, after = attempt.result.text, (*followed.deliveries.lines, *after)
    elif attempt.error is not None:
        said = f"refused, {attempt.error.code}"
    else:
        said = f"skipped. {attempt.passed_over}"
    return "\n".join(map(printable, (f"{attempt.path.name}: {said}", *after)))


def _to_json(attempt: Attempt, followed: FollowUp) -> dict[str, Any]:
    value: dict[str, Any] = {"file": str(attempt.path)}
    if attempt.result is not None:
        result = attempt.result
        value |= {
            "outcome": result.outcome,
            "publisher": result.publisher,
            "generation": result.generation,
            "created": instant_text(result.created),
            "targets": result.targets,
            "bytes_read": result.bytes_read,
            "text": result.text,
            "outstanding": None if result.outstanding is None else result.outstanding.to_json(),
            "deliveries": [
                {"event": event.kind, "text": event.text, **event.details} for event in followed.delivery_events
            ],
            "delivery_problems": [problem.to_json() for problem in followed.deliveries.problems],
        }
    elif attempt.error is not None:
        value |= {"outcome": "refused", "error": attempt.error.to_json()}
    else:
        value |= {"outcome": "passed-over", "text": attempt.passed_over}
    return value
