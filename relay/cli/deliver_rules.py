"""``relay deliver-rules``: rule packs into the air-gapped manager; dry run unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from manifests.clock import system_clock
from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.errors import UsageError
from manifests.text import table_text

if TYPE_CHECKING:
    from relay.dialing.manager.delivery import DeliveredRulePack, RulePackReport

_SAID = {
    "dry-run": "Dry run: nothing was applied. Applying {name} would change:",
    "already-applied": "{name} is applied already, nothing to do. It changed:",
    "applied": "{name} was applied. It changed:",
}


@click.command()
@click.option("--apply", "apply_", is_flag=True, help="Apply the newest rule pack, not only show what it would change.")
@click.option("--detect-only", is_flag=True, help="With --apply: new rules detect and do not prevent.")
@click.option("--pack", metavar="NAME", help="This rule pack instead of the newest, also to go back to an older one.")
@output_option
@click.pass_obj
def command(settings: Settings, pack: str | None, output: str, *, apply_: bool, detect_only: bool) -> None:
    """Store the rule packs of the served generation in the manager, and show what the newest would change.

    The manager is the one that relay.toml names in [manager]; without it nothing is done. Its address must be a
    private one, and nothing else is dialled. What the manager has already is not stored again.
    """
    from relay.config import load_config
    from relay.context import Context
    from relay.dialing.manager.delivery import RulePackOrder
    from relay.dialing.manager.run import deliver_rule_packs
    from relay.home import open_home

    if detect_only and not apply_:
        raise UsageError("usage.option", "--detect-only says how to apply", todo="give --apply too")
    home = open_home(settings.home)
    with show_progress(settings) as shown:
        context = Context(home, load_config(home.path), system_clock, shown)
        report = deliver_rule_packs(context, RulePackOrder(apply_, detect_only, pack))
    if output == "json":
        print_json(_to_json(report))
    else:
        click.echo(_to_text(report))


def _to_text(report: RulePackReport) -> str:
    packs = table_text(
        [(entry.pack.name, _how(entry), _state(entry), str(entry.update.id)) for entry in report.packs],
        ("rule pack", "", "in the manager", "number"),
    )
    rows = [
        (change.what, str(change.added), str(change.updated), "" if change.deleted is None else str(change.deleted))
        for change in report.changes.changes
    ]
    changes = table_text(rows, ("", "added", "updated", "deleted"))
    assigned = sum(change.added_and_assigned or 0 for change in report.changes.changes)
    return "\n".join(
        [
            f"manager {report.manager}, generation {report.generation}",
            packs,
            "",
            _SAID[report.application].format(name=report.chosen.pack.name),
            changes,
            f"added and assigned at once: {assigned}",
            *([f"the manager says: {report.changes.summary}"] if report.changes.summary else []),
        ]
    )


def _how(entry: DeliveredRulePack) -> str:
    return "stored now" if entry.new else "already there"


def _state(entry: DeliveredRulePack) -> str:
    state = {"APPLIED_CURRENT": "applied", "APPLIED": "applied earlier", "NOT_APPLIED": "not applied"}
    said = state.get(entry.update.state or "", "in a state unknown here")
    return f"{said}, detect only" if entry.update.detect_only else said


def _to_json(report: RulePackReport) -> dict[str, Any]:
    return {
        "manager": report.manager,
        "generation": report.generation,
        "packs": [
            {
                "name": entry.pack.name,
                "path": entry.pack.path,
                "sha256": entry.pack.blob.sha256,
                "id": entry.update.id,
                "new": entry.new,
                "state": entry.update.state,
                "detect_only": entry.update.detect_only,
            }
            for entry in report.packs
        ],
        "chosen": report.chosen.pack.name,
        "result": report.application,
        "changes": [
            {
                "what": change.what,
                "added": change.added,
                "updated": change.updated,
                "deleted": change.deleted,
                "added_and_assigned": change.added_and_assigned,
            }
            for change in report.changes.changes
        ],
        "summary": report.changes.summary,
    }
