"""``relay receipt``: what this site has, signed, for the publisher."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from manifests.clock import system_clock
from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.errors import MalformedError, UsageError
from manifests.progress import CancelToken
from manifests.receipt import SignedReceipt, check_note, check_site_name, key_fingerprint, receipt_to_texts
from manifests.text import count_text


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write it here (a file, or a directory).")
@click.option("--qr", is_flag=True, help="Print it as QR codes, for a phone to read off the screen.")
@click.option("--check", "whole", is_flag=True, help="Hash the whole store first, not only look for what is missing.")
@click.option("--name", help="What to call this site: nothing of the inside is named unless asked.")
@click.option("--note", help="A line for the publisher.")
@output_option
@click.pass_obj
def command(
    settings: Settings, out: Path | None, name: str | None, note: str | None, output: str, *, qr: bool, whole: bool
) -> None:
    """Make a receipt: what this site has, signed with its own key.

    Carry it to the DMZ (`bundle sites import`), and bundles for this site hold exactly what it lacks. Without
    --out and --qr the receipt itself is printed; the newest is always in the home's out/receipt.json. With
    -o json: where it is, what it says, and the fingerprint that the publisher confirms.
    """
    from relay.config import load_config
    from relay.context import Context
    from relay.home import open_home
    from relay.receipt.make import FILE_NAME, ReceiptRemarks, make_receipt
    from relay.store.verify import verify_store

    _check(name, note)
    home = open_home(settings.home)
    report = None
    if whole:
        with show_progress(settings) as shown:
            report = verify_store(home, shown, CancelToken())
    context = Context(home, load_config(home.path), system_clock)
    signed = make_receipt(context, remarks=ReceiptRemarks(name, note), report=report)
    path = None if out is None else _write(out, signed)
    if output == "json":
        print_json(_to_json(signed, path or home.out / FILE_NAME, qr=qr))
        return
    if path is not None:
        sha256 = hashlib.sha256(signed.data).hexdigest()
        click.echo(f"{path}\nbytes   {len(signed.data):,}\nsha256  {sha256}\n{_summary(signed)}")
    if qr:
        _print_codes(signed)
    elif out is None:
        click.echo(signed.data, nl=False)
    if not settings.quiet and (qr or out is None):
        click.echo(_summary(signed), err=True)


def _check(name: str | None, note: str | None) -> None:
    """Refuse what no receipt can say before one is made.

    Raises:
        UsageError: ``name.site``, ``name.note``.
    """
    try:
        if name is not None:
            check_site_name(name)
        if note is not None:
            check_note(note)
    except MalformedError as error:
        raise UsageError(error.code, error.what, have=error.have, need=error.need) from error


def _write(out: Path, signed: SignedReceipt) -> Path:
    from manifests.disk import durable

    receipt = signed.receipt
    path = out / f"{receipt.site_keyid[:12]}-{receipt.serial}.receipt.json" if out.is_dir() else out
    durable.write_file(path, signed.data)
    return path


def _to_json(signed: SignedReceipt, path: Path, *, qr: bool) -> dict[str, Any]:
    receipt = signed.receipt
    value: dict[str, Any] = {
        "file": str(path),
        "bytes": len(signed.data),
        "sha256": hashlib.sha256(signed.data).hexdigest(),
        "site": receipt.site_keyid,
        "fingerprint": key_fingerprint(receipt.site_keyid),
        "serial": receipt.serial,
        "generation": receipt.newest,
        "without": len(receipt.without),
        "pending_generation": receipt.pending_generation,
        "pending_holds": len(receipt.pending_holds),
        "pending_parts": len(receipt.pending_parts),
    }
    return value | ({"texts": list(receipt_to_texts(signed.data))} if qr else {})


def _summary(signed: SignedReceipt) -> str:
    receipt = signed.receipt
    lost = f", {count_text(len(receipt.without), 'file')} missing or damaged" if receipt.without else ""
    parts = f" and parts of {len(receipt.pending_parts):,}" if receipt.pending_parts else ""
    arrived = (
        f", and {count_text(len(receipt.pending_holds), 'file')}{parts} of generation {receipt.pending_generation}"
    )
    pending = arrived if receipt.pending_generation is not None else ""
    words = key_fingerprint(receipt.site_keyid).split()
    return (
        f"Receipt {receipt.serial}: generation {receipt.newest or 'none'}{lost}{pending}\n"
        "Fingerprint of this site's key, to be confirmed by the publisher once:\n"
        f"  {' '.join(words[:8])}\n  {' '.join(words[8:])}"
    )


def _print_codes(signed: SignedReceipt) -> None:
    """Print the codes one screen at a time; into a file or pipe, the fewest that the format allows."""
    from relay.receipt import qr

    terminal = sys.stdout.isatty()
    if terminal:
        size = os.get_terminal_size(sys.stdout.fileno())
        texts = qr.split_for_screen(signed.data, size.columns, size.lines)
    else:
        texts = receipt_to_texts(signed.data)
    for number, text in enumerate(texts, 1):
        click.echo(f"Code {number} of {len(texts)}\n{qr.draw_code(text, colours=terminal)}", nl=False)
        if terminal and sys.stdin.isatty() and number < len(texts):
            click.echo("Read it with a phone, then press Enter for the next one ", err=True, nl=False)
            sys.stdin.readline()
