"""``bundle init``: make a publisher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bundler.cli.options import files_given, no_passphrase_option, passphrase_option, secrets_from, warn_open_keys
from manifests.clock import instant_text, system_clock
from manifests.console.commands import Settings, output_option, print_json
from manifests.errors import UsageError
from manifests.text import count_text

if TYPE_CHECKING:
    from bundler.config import Expiries


@click.command()
@click.option("--publisher", default="sealift", show_default=True, help="The name that bundles begin with.")
@click.option("--root-keys", type=int, default=1, show_default=True, metavar="N", help="How many root keys to make.")
@click.option("--threshold", type=int, metavar="M", help="How many of them must sign a root.  [default: all but one]")
@click.option(
    "--expiry",
    "expiries",
    multiple=True,
    metavar="ROLE=DAYS",
    help="For how long a role's signatures are valid: root, targets, sources, snapshot, timestamp.",
)
@passphrase_option
@no_passphrase_option
@output_option
@click.pass_obj
def command(
    settings: Settings,
    publisher: str,
    root_keys: int,
    threshold: int | None,
    expiries: tuple[str, ...],
    passphrase_file: Path | None,
    output: str,
    *,
    no_passphrase: bool,
) -> None:
    """Make a publisher: keys, first signed root, commented bundler.toml."""
    from bundler.jobs.init import NewPublisher, check_new_publisher, create_publisher

    if no_passphrase and passphrase_file is not None:
        raise UsageError("init.passphrase", "--no-passphrase and --passphrase-file exclude each other")
    enough = max(1, root_keys - 1) if threshold is None else threshold
    wanted = NewPublisher(publisher, root_keys, enough, expiries=_expiries(expiries))
    check_new_publisher(settings.home, wanted)
    if not no_passphrase:
        wanted = replace(wanted, passphrase=secrets_from(files_given(passphrase_file)).new_passphrase())
    now = system_clock()
    home = create_publisher(settings.home, wanted, now)
    root_expires_at = instant_text(wanted.root_expires_at(now))
    if no_passphrase:
        warn_open_keys(home.keys)
    if output == "json":
        print_json(
            {
                "home": str(home.path),
                "publisher": publisher,
                "root_keys": root_keys,
                "threshold": wanted.threshold,
                "root_expires_at": root_expires_at,
                "encrypted": not no_passphrase,
            }
        )
        return
    click.echo(
        f"The publisher {publisher} is in {home.path}\n"
        f"Root: {wanted.threshold} of {count_text(root_keys, 'key')} must sign; valid until {root_expires_at}\n"
        "\nNext:\n"
        f"  1. say what to carry:            edit {home.config}, then: bundle sources check\n"
        "  2. give each site its trust:     bundle keys export-root --out root.json\n"
        "  3. seal the first bundle:        bundle create --out DIR\n"
        f"\nThen move the root keys ({home.keys}/root-*.pem) to offline media: daily work does not need them."
    )


def _expiries(given: Sequence[str]) -> Expiries:
    from bundler.config import Expiries
    from manifests.schemas.configuration import load_configuration_schema

    schema = load_configuration_schema("bundler", "bundler")
    days: dict[str, int] = {}
    for text in given:
        role, _, number = text.partition("=")
        if role not in {field.name for field in fields(Expiries)} or not number.isdecimal():
            raise UsageError("init.expiry", f"--expiry {text} is not understood", need="ROLE=DAYS, such as root=730")
        most = schema["properties"]["expiry_days"]["properties"][role]["maximum"]
        if len(number) > len(str(most)) or not 1 <= int(number) <= most:
            raise UsageError(
                "init.expiry", f"--expiry {role}: that many days cannot be", need=f"1 to {most:,} for {role}"
            )
        days[role] = int(number)
    return Expiries(**days)
