"""``relay check``: hash the store again and say what is damaged."""

from __future__ import annotations

import click

from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.errors import StorageError
from manifests.progress import CancelToken
from manifests.text import count_text, printable


@click.command()
@click.option("--discard", is_flag=True, help="Remove damaged content, so that an import brings it again.")
@click.option("--wait", type=float, default=60.0, show_default=True, help="With --discard: seconds to wait.")
@output_option
@click.pass_obj
def command(settings: Settings, wait: float, output: str, *, discard: bool) -> None:
    """Hash everything in the store again; leave with 40 when something is damaged."""
    from relay.home import open_home
    from relay.store.verify import discard_damaged_blobs, verify_store

    home = open_home(settings.home)
    with show_progress(settings) as shown:
        report = verify_store(home, shown, CancelToken())
    if output == "json":
        damage = [entry.to_json() for entry in report.damage]
        print_json({"blobs": report.blobs, "bytes": report.bytes_read, "damage": damage, "remedy": list(report.remedy)})
    else:
        read = f"{count_text(report.blobs, 'file')}, {count_text(report.bytes_read, 'byte')}"
        click.echo(f"{read}: {len(report.damage):,} damaged")
        for entry in report.damage:
            needed_by = f" (generations {', '.join(map(str, entry.generations))}: {', '.join(entry.paths[:3])})"
            click.echo(printable(f"{entry.kind} {entry.sha256 or ''}: {entry.what}{needed_by if entry.paths else ''}"))
    if discard:
        discard_damaged_blobs(home, report, wait_seconds=wait)
    if report.damage:
        raise StorageError(
            "storage.damaged",
            "The store or the database is damaged",
            have=f"{len(report.damage):,} damaged of {count_text(report.blobs, 'file')} and the database",
            todo="; ".join(report.remedy[1:] if discard else report.remedy),
        )
