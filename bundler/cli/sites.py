"""``bundle sites``: which site has what; ``import``: take in what a site says it has."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifests.clock import system_clock
from manifests.console.commands import Settings, output_option, print_json
from manifests.text import printable

if TYPE_CHECKING:
    from bundler.sites.registry import ImportedReceipt, Sites
    from manifests.errors import MalformedError
    from manifests.receipt import BroughtReceipts


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def command(ctx: click.Context, output: str) -> None:
    """List the sites: what each has, how old it is, what it would need.

    `needs` is the content, in bytes, of a bundle made now for that site alone
    (bundle create --no-pull --since SITE); patches make it smaller.
    """
    if ctx.invoked_subcommand is not None:
        return
    from bundler.config import load_config
    from bundler.home import open_home
    from bundler.plan.lacking import missing_bytes_counter
    from bundler.report.sites import site_to_json, sites_to_text
    from bundler.repository.repository import Repository
    from bundler.sites.registry import Sites
    from bundler.sites.status import status_of_sites

    settings: Settings = ctx.obj
    home = open_home(settings.home)
    version = Repository.load(home.metadata).snapshot_version
    config = load_config(home.config)
    fresh_days = {source.name: days for source in config.sources if (days := source.common.fresh_days) is not None}
    found = status_of_sites(
        Sites.load(home), version, system_clock(), missing_bytes_counter(home, config), fresh_days=fresh_days
    )
    if output == "json":
        print_json([site_to_json(status) for status in found])
    else:
        click.echo(sites_to_text(found))


@command.command(name="import")
@click.argument("receipts", nargs=-1, required=True, metavar="RECEIPT...", type=click.Path(allow_dash=True))
@click.option("--name", help="What to call the site, of one receipt.")
@click.option("--fingerprint", "known", metavar="FP", help="That of the site's key, instead of being asked.")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait for another command.")
@output_option
@click.pass_obj
def import_(
    settings: Settings, receipts: tuple[str, ...], name: str | None, known: str | None, wait: float, output: str
) -> None:
    """Take in receipts: files of `relay receipt --out`, or texts read off its QR codes (- for stdin).

    The texts stand one to a line, in any order and spread over any files. The first receipt of a site asks
    whether the fingerprint of its key is the one that the site shows. Older receipts change nothing.
    """
    from bundler.home import open_home
    from bundler.report.sites import imported_to_json
    from bundler.sites.registry import Sites
    from manifests.errors import SealiftError

    home = open_home(settings.home)
    sites = Sites.load(home)
    done: list[ImportedReceipt] = []
    brought = _brought(receipts)
    refused = [] if brought.refusal is None else [brought.refusal]
    if name is not None and len(brought.receipts) > 1:
        raise click.UsageError("--name is for one receipt")
    for data in brought.receipts:
        try:
            done.append(_import(sites, data, name=name, known=known, wait=wait))
        except SealiftError as error:
            refused.append(error)
    if output == "json":
        print_json([imported_to_json(imported) for imported in done])
    else:
        for imported in done:
            click.echo(printable(f"{imported.site.name}: {imported.text}"))
    for other in refused[1:]:
        click.echo(printable(f"bundle: {other} [{other.code}]"), err=True)
    if refused:
        raise refused[0]


@command.command()
@click.argument("site")
@click.pass_obj
def remove(settings: Settings, site: str) -> None:
    """Forget a site that no longer exists: nothing is kept for it any more."""
    from bundler.home import open_home
    from bundler.sites.registry import Sites

    removed = Sites.load(open_home(settings.home)).forget_site(site, wait_seconds=60.0)
    click.echo(f"{removed.name}: forgotten, key {removed.keyid[:12]}")


class _Input(io.BytesIO):
    """What one input held, and what it is called."""

    def __init__(self, name: str) -> None:
        from manifests.disk.given_file import read_given_file
        from manifests.receipt import MAX_INPUT_BYTES

        self.name = name
        if name == "-":
            super().__init__(sys.stdin.buffer.read(MAX_INPUT_BYTES + 1))
        else:
            super().__init__(read_given_file(Path(name), max_bytes=MAX_INPUT_BYTES, what="a receipt").data)


def _brought(names: tuple[str, ...]) -> BroughtReceipts:
    """Read the receipts out of the inputs; inputs without any are refused."""
    from manifests.receipt import read_receipts

    brought = read_receipts(_Input(name) for name in names)
    if brought.oversized:
        raise _no_receipt(f"{brought.oversized[0]} is too large for a receipt")
    if not brought.receipts and brought.refusal is None:
        raise _no_receipt("There is no receipt in that")
    return brought


def _no_receipt(what: str) -> MalformedError:
    from manifests.errors import MalformedError

    return MalformedError("receipt.form", what, need="the file of relay receipt --out, or texts of its codes")


def _import(sites: Sites, data: bytes, *, name: str | None, known: str | None, wait: float) -> ImportedReceipt:
    from bundler.sites.registry import confirm_fingerprint

    confirm = _ask if known is None else confirm_fingerprint(known)
    return sites.import_receipt(data, now=system_clock(), confirm=confirm, name=name, wait_seconds=wait)


def _ask(shown: str) -> bool:
    """Ask the person at the terminal; nobody there confirms nothing."""
    if not sys.stdin.isatty():
        return False
    words = shown.split()
    click.echo(
        "This is the first receipt of a site. Let the site read out the fingerprint that relay receipt prints:\n"
        f"  {' '.join(words[:8])}\n  {' '.join(words[8:])}",
        err=True,
    )
    return click.confirm("Do the fingerprints match?", default=False, err=True)
