"""For whom ``bundle create`` makes a bundle: what the operator typed after ``--since``, and receipts on the way."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from bundler.history import History
from bundler.home import Home
from bundler.plan.readers import (
    EVERYBODY,
    Readers,
    named_reader,
    no_reader,
    registered_readers,
    site_reader,
    version_readers,
)
from bundler.sites.records import Site
from bundler.sites.registry import Sites
from manifests.disk.durable import storage_errors
from manifests.receipt import read_receipts


def settle_readers(home: Home, since: str | None, now: datetime, *, full: bool = False) -> Readers:
    """Turn what the operator typed into who has what; a receipt is taken in, which needs the home's lock to be free.

    Args:
        home: The publisher's directory.
        since: A version, ``last``, the file of a receipt, or the name of a site; None for every registered site.
        now: The system's time.
        full: Ask nobody.

    Raises:
        UsageError: ``create.since``: it is none of these; ``history.unknown``: that version is not remembered.
        SealiftError: The receipt is refused, see :meth:`bundler.sites.registry.Sites.import_receipt`.
    """
    if full:
        return EVERYBODY
    sites = Sites.load(home)
    if since is None:
        return registered_readers(sites)
    of_version = version_readers(since, History(home).list_versions())
    if of_version is not None:
        return of_version
    if Path(since).is_file():
        return site_reader(take_receipt_in(sites, Path(since), now))
    return named_reader(since, sites)


def take_receipt_in(sites: Sites, path: Path, now: datetime) -> Site:
    """Import the receipt of a file into the registry, and return the site that it is of.

    Args:
        sites: The registry; what it says of the site is replaced when the receipt is newer.
        path: A file of ``relay receipt --out``, or of the texts of its codes.
        now: The system's time.

    Raises:
        UsageError: ``create.since``: the file has no receipt.
        SealiftError: The receipt is refused; that of a site whose key nobody has confirmed is.
    """
    return sites.import_receipt(_read_receipt(path, sites), now=now, confirm=lambda _: False).site


def _read_receipt(path: Path, sites: Sites) -> bytes:
    """Return the one receipt of a file, or of the texts in it."""
    with storage_errors(path), path.open("rb") as file:
        brought = read_receipts([file])
    if brought.refusal is not None:
        raise brought.refusal
    if len(brought.receipts) != 1:
        raise no_reader(str(path), sites)
    return brought.receipts[0]
