"""``relay generations``: every generation in the store."""

from __future__ import annotations

import click

from manifests.clock import instant_text
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import table_text


@click.command()
@output_option
@click.pass_obj
def command(settings: Settings, output: str) -> None:
    """List the generations in the store, oldest first, the rings that serve them, and what is still incomplete.

    As JSON it says more: when each was created, by whom, and its number of targets.
    """
    from relay.home import open_home
    from relay.state import State
    from relay.store.outstanding import list_outstanding

    home = open_home(settings.home)
    with State(home.database) as state:
        found = state.generations.list_generations()
        pending = list_outstanding(state, home.store)
    if output == "json":
        print_json(
            {
                "generations": [
                    {
                        "number": row.number,
                        "publisher": row.publisher,
                        "created": instant_text(row.created),
                        "imported_at": instant_text(row.imported_at),
                        "targets": row.targets,
                        "target_bytes": row.target_bytes,
                        "rings": list(row.rings),
                        "file": row.file_name,
                        "manifest_sha256": row.manifest_sha256,
                    }
                    for row in found
                ],
                "pending": [row.to_json() for row in pending],
            }
        )
        return
    rows: list[tuple[str, ...]] = [
        (
            str(row.number),
            instant_text(row.imported_at),
            f"{row.target_bytes:,}",
            ",".join(row.rings) or "-",
            row.file_name,
        )
        for row in found
    ]
    header = ("generation", "imported", "bytes", "ring", "file")
    click.echo(table_text(rows, header) if rows else "No generation yet: put a bundle into the inbox.")
    for waiting in pending:
        click.echo(f"\nIncomplete: {waiting.have}\nNeeded: {waiting.need}\nDo: {waiting.todo}")
