"""Who shall be able to take the next bundle: sites by their receipts, or all that have a version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundler.history import unknown_version
from bundler.sites.holdings import Holdings, holdings_of
from bundler.sites.records import Site
from bundler.sites.registry import Sites
from manifests.errors import UsageError

LAST = "last"
"""What names the newest version in place of its number."""


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


def registered_readers(sites: Sites) -> Readers:
    """Return every registered site as readers; everybody when no site is registered."""
    if not len(sites):
        return EVERYBODY
    return Readers(
        tuple(holdings_of(site.receipt) for site in sites), "sites " + ", ".join(site.name for site in sites)
    )


def site_reader(site: Site) -> Readers:
    """Return one site as the only reader, by its newest receipt."""
    return Readers((holdings_of(site.receipt),), f"site {site.name}")


def version_readers(since: str, versions: Sequence[int]) -> Readers | None:
    """Return all that have a version as readers.

    Args:
        since: What the operator typed.
        versions: Those that are remembered, ascending.

    Returns:
        None when it is neither a version nor ``last``.

    Raises:
        UsageError: ``history.unknown``: that version is not remembered.
    """
    if since != LAST and not since.isdecimal():
        return None
    version = (versions[-1] if versions else 0) if since == LAST else int(since)
    if version not in versions:
        raise unknown_version(version, tuple(versions))
    return Readers((Holdings(frozenset({version})),), f"sites that have version {version}")


def named_reader(since: str, sites: Sites) -> Readers:
    """Return the site of a name or a key id as the only reader.

    Raises:
        UsageError: ``create.since``: there is none.
    """
    try:
        return site_reader(sites.find_site(since))
    except UsageError as error:
        raise no_reader(since, sites) from error


def no_reader(since: str, sites: Sites) -> UsageError:
    """Return the error for what names no reader at all."""
    return UsageError(
        "create.since",
        f"{since!r} is not a receipt, a site or a version",
        have="sites " + (", ".join(site.name for site in sites) or "(none)"),
        need="the file of a receipt, the name of a site, a version, or last",
        todo="bundle sites",
    )
