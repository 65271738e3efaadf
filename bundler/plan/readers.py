"""Who shall be able to take the next bundle, and what each of them has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bundler import history as history_module
from bundler.history import History
from bundler.home import Home
from bundler.sites.holdings import Holdings, holdings_of
from bundler.sites.registry import Sites
from manifests.durable import storage_errors
from manifests.errors import UsageError
from manifests.receipt import MAX_BYTES, from_texts

LAST = "last"


@dataclass(frozen=True)
class Readers:
    """For whom a bundle is made.

    Args:
        holdings: What each reader has; the bundle serves all of them. None: nobody is taken to have anything.
        named: Who they are, for people.
    """

    holdings: tuple[Holdings, ...] | None = None
    named: str = "every site, whatever it has"


EVERYBODY = Readers()


def readers(home: Home, since: str | None, now: datetime, *, full: bool = False) -> Readers:
    """Turn what the operator typed into who has what. Call without the home's lock: a receipt is taken in.

    Args:
        home: The publisher's directory.
        since: A version, ``last``, the file of a receipt, or the name of a site; None for every registered site.
        now: The system's time.
        full: Ask nobody.

    Raises:
        UsageError: ``create.since``: it is none of these; ``history.unknown``: that version is not kept.
        SealiftError: The receipt is refused, see :meth:`bundler.sites.registry.Sites.import_receipt`.
    """
    if full:
        return EVERYBODY
    sites = Sites.load(home)
    if since is None:
        if not len(sites):
            return EVERYBODY
        return Readers(
            tuple(holdings_of(site.receipt) for site in sites), "sites " + ", ".join(site.name for site in sites)
        )
    versions = History(home).versions()
    if since == LAST or since.isdecimal():
        version = (versions[-1] if versions else 0) if since == LAST else int(since)
        if version not in versions:
            raise history_module.unknown(version, versions)
        return Readers((Holdings(frozenset({version})),), f"sites that have version {version}")
    return _one_site(sites, since, now)


def _one_site(sites: Sites, since: str, now: datetime) -> Readers:
    path = Path(since)
    if path.is_file():
        with storage_errors(path), path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _no_reader(since, sites)
        if not data.lstrip().startswith(b"{"):
            scanned = from_texts(data.decode("utf-8-sig", "replace").splitlines())
            if len(scanned) != 1:
                raise _no_reader(since, sites)
            data = scanned[0]
        site = sites.import_receipt(data, now=now, confirm=_nobody_is_asked).site
    elif any(site.name == since or (len(since) >= 12 and site.keyid.startswith(since)) for site in sites):
        site = sites.get(since)
    else:
        raise _no_reader(since, sites)
    return Readers((holdings_of(site.receipt),), f"site {site.name}")


def _no_reader(since: str, sites: Sites) -> UsageError:
    return UsageError(
        "create.since",
        f"{since!r} is no receipt, no site and no version",
        have="sites " + (", ".join(site.name for site in sites) or "(none)"),
        need="the file of a receipt, the name of a site, a version, or last",
        todo="bundle sites",
    )


def _nobody_is_asked(_: str) -> bool:
    return False
