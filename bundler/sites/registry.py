"""The publisher's sites: whose key is whose, and the newest receipt of each.

A site is registered by its first receipt, after a person has compared the fingerprint of its key. From then
on the newest receipt that this key signed is what the site is known to have: "arrived" is what a receipt says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from bundler import config
from bundler.home import Home
from bundler.repository.repository import Repository
from bundler.sites.records import Site, encode_record, read_record, record_path, records_directory
from manifests import clock
from manifests.disk import durable
from manifests.errors import ConfigurationError, NotAuthenticError, UsageError
from manifests.receipt import Receipt, SignedReceipt, check_site_name, key_fingerprint, verify_receipt
from manifests.text import count_text

ReceiptOutcome = Literal["registered", "updated", "unchanged", "older"]
Confirm = Callable[[str], bool]
"""Shown a fingerprint, says whether it is that of the site: a person, or one given beforehand."""

_KEYID_DIGITS = 12
"""Of a key id, where a site has no name; and the fewest that name one."""


@dataclass(frozen=True)
class ImportedReceipt:
    """What became of a receipt. ``older`` and ``unchanged`` changed nothing."""

    outcome: ReceiptOutcome
    site: Site
    text: str


class Sites:
    """The registry, ``<home>/sites/<key id>.json``, as it was read.

    Args:
        home: The publisher's directory.
        sites: Every site, by name.
    """

    def __init__(self, home: Home, sites: tuple[Site, ...] = ()) -> None:
        self._home = home
        self._sites = tuple(sorted(sites, key=lambda site: site.name))

    @classmethod
    def load(cls, home: Home) -> Sites:
        """Read the registry; there may be no site in it.

        Raises:
            ConfigurationError: ``sites.damaged``.
            StorageError: A file cannot be read.
        """
        with durable.storage_errors(records_directory(home)):
            paths = sorted(records_directory(home).glob("[0-9a-f]*.json"))
        return cls(home, tuple(read_record(path) for path in paths))

    def __iter__(self) -> Iterator[Site]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)

    def find_site(self, wanted: str) -> Site:
        """Return the site of a name, a key id, or the first 12 or more digits of one.

        Raises:
            UsageError: ``sites.unknown``.
        """
        by_key = len(wanted) >= _KEYID_DIGITS
        found = [site for site in self if site.name == wanted] or [
            site for site in self if by_key and site.keyid.startswith(wanted)
        ]
        if len(found) != 1:
            raise UsageError(
                "sites.unknown",
                f"No site is called {wanted}",
                have=", ".join(site.name for site in self) or "no site yet",
                todo="bundle sites import RECEIPT",
            )
        return found[0]

    def import_receipt(
        self, data: bytes, *, now: datetime, confirm: Confirm, name: str | None = None, wait_seconds: float = 0.0
    ) -> ImportedReceipt:
        """Take in one receipt file: it must be authentic, ours, and newer than what is known.

        1. The receipt is signed by the key that it names.
        2. It is of a site of this publisher, and not from ahead of this home.
        3. A person has confirmed the fingerprint of the key: now, or when its first receipt came.
        4. Under the home's lock, beside what is known by then: its serial is newer, its name is nobody else's.

        Args:
            data: The file's bytes.
            now: The system's time.
            confirm: Asked once per site, before its first receipt is believed.
            name: What to call the site from now on; else what its first receipt says, else its key id.
            wait_seconds: How long to wait for another command of this home.

        Raises:
            MalformedError: ``json.*``, ``receipt.*``, ``name.site``.
            NotAuthenticError: ``receipt.signature``, ``receipt.foreign``, ``receipt.serial`` (one serial, two
                receipts), ``sites.name-taken``.
            ConfigurationError: ``sites.unconfirmed``, ``receipt.ahead``, ``config.*``, ``repository.damaged``,
                ``sites.damaged``.
            LockedError: ``lock.held``.
            StorageError: The disk is full, read-only or failing; nothing changed.
        """
        signed = verify_receipt(data)  # 1
        self._check_ours(signed.receipt)  # 2
        if name is not None:
            check_site_name(name)
        # 3. Before the lock is taken: a person may take minutes, and nobody else shall wait for that.
        keyid = signed.receipt.site_keyid
        if not any(site.keyid == keyid for site in self) and not confirm(key_fingerprint(keyid)):
            raise _unconfirmed(keyid)
        # 4. Read again: another command may have taken in a receipt of this site in the meantime.
        with self._home.lock(wait_seconds):
            fresh = Sites.load(self._home)
            imported = fresh._decide(signed, now, name)
            if imported.outcome not in {"unchanged", "older"} or imported.site not in fresh._sites:
                durable.make_directory(records_directory(self._home))
                durable.write_file(record_path(self._home, keyid), encode_record(imported.site))
            self._sites = Sites.load(self._home)._sites
        return imported

    def forget_site(self, wanted: str, *, wait_seconds: float = 0.0) -> Site:
        """Forget a site: its key has to be confirmed anew, and nothing is kept for it any longer.

        Raises:
            UsageError: ``sites.unknown``.
            LockedError: ``lock.held``.
            StorageError: The disk is full, read-only or failing.
        """
        with self._home.lock(wait_seconds):
            site = Sites.load(self._home).find_site(wanted)
            with durable.storage_errors(records_directory(self._home)):
                record_path(self._home, site.keyid).unlink()
                durable.fsync_directory(records_directory(self._home))
            self._sites = Sites.load(self._home)._sites
        return site

    @cached_property
    def _publisher(self) -> tuple[str, Repository]:
        """The publisher's name and repository, read once however many receipts come."""
        return config.load_config(self._home.config).publisher, Repository.load(self._home.metadata)

    def _check_ours(self, receipt: Receipt) -> None:
        """Refuse a receipt of another publisher's site, and one from ahead of this home."""
        publisher, repository = self._publisher
        roots = [hashlib.sha256(root).hexdigest() for root in repository.roots]
        ours = receipt.publisher in {None, publisher}
        if not ours or receipt.root_sha256 not in roots[receipt.root_version - 1 : receipt.root_version]:
            ahead = ours and receipt.root_version > len(roots)
            raise NotAuthenticError(
                "receipt.foreign",
                "The receipt is that of a site of another publisher",
                have=f"publisher {receipt.publisher or 'unknown'}, root {receipt.root_version} "
                f"{receipt.root_sha256[:16]}",
                need=f"publisher {publisher}, one of its {count_text(len(roots), 'root')}",
                todo="if it is a site of ours: bring this home back from its newest backup" if ahead else None,
            )
        if receipt.snapshot_version > max(repository.snapshot_version, repository.floor):
            raise ConfigurationError(
                "receipt.ahead",
                "The site is ahead of this publisher",
                have=f"version {repository.snapshot_version} here",
                need=f"version {receipt.snapshot_version}, which the site has",
                todo="bring this home back from its newest backup; if this was the newest: bundle restored --above "
                f"{receipt.snapshot_version}, or the number of the site that has the highest",
            )

    def _decide(self, signed: SignedReceipt, now: datetime, name: str | None) -> ImportedReceipt:
        receipt = signed.receipt
        known = next((site for site in self if site.keyid == receipt.site_keyid), None)
        if known is None:
            site = Site(
                receipt.site_keyid, name or receipt.name or receipt.site_keyid[:_KEYID_DIGITS], now, now, signed
            )
            self._check_name(site)
            return ImportedReceipt("registered", site, f"registered; {_said(receipt)}")
        renamed = Site(known.keyid, name or known.name, known.registered_at, known.imported_at, known.signed)
        self._check_name(renamed)
        if receipt.serial < known.receipt.serial:
            text = f"receipt {receipt.serial} is older than {known.receipt.serial}, which is known; nothing to do"
            return ImportedReceipt("older", renamed, text)
        if receipt.serial == known.receipt.serial:
            if signed.data != known.signed.data:
                raise NotAuthenticError(
                    "receipt.serial",
                    f"The site {known.name} made two receipts with the serial {receipt.serial}",
                    need="one key at one site",
                    todo="find out whether a copy of the site is in use: relay receipt at each",
                )
            return ImportedReceipt("unchanged", renamed, f"receipt {receipt.serial} is here already; nothing to do")
        site = Site(known.keyid, renamed.name, known.registered_at, now, signed)
        return ImportedReceipt("updated", site, _said(receipt))

    def _check_name(self, wanted: Site) -> None:
        taken = next((site for site in self if site.name == wanted.name and site.keyid != wanted.keyid), None)
        if taken is not None:
            raise NotAuthenticError(
                "sites.name-taken",
                f"Another site is called {wanted.name}",
                have=f"key {taken.keyid[:_KEYID_DIGITS]}",
                need=f"a name of its own for key {wanted.keyid[:_KEYID_DIGITS]}",
                todo=f"--name NAME; or, if that site was set up anew: bundle sites remove {wanted.name}",
            )


def confirm_fingerprint(text: str) -> Confirm:
    """Return a confirmation by a fingerprint that a person typed: spaces, colons and case do not matter.

    Raises:
        NotAuthenticError: ``sites.fingerprint``, when it is asked about another key.
    """
    wanted = re.sub(r"[\s:]", "", text).lower()

    def confirm(shown: str) -> bool:
        if shown.replace(" ", "") != wanted:
            raise NotAuthenticError(
                "sites.fingerprint",
                "The receipt is signed by another key than the fingerprint given",
                have=shown,
                need=text,
                todo="compare it with what relay receipt prints at the site",
            )
        return True

    return confirm


def _unconfirmed(keyid: str) -> ConfigurationError:
    """Return the error for a site that nobody has vouched for."""
    return ConfigurationError(
        "sites.unconfirmed",
        "The receipt is the first of a site whose key nobody has confirmed",
        have=key_fingerprint(keyid),
        need="that the site reads out the same fingerprint (relay receipt prints it)",
        todo=f'bundle sites import --fingerprint "{key_fingerprint(keyid)}" RECEIPT',
    )


def _said(receipt: Receipt) -> str:
    lost = f", {count_text(len(receipt.without), 'file')} missing or damaged" if receipt.without else ""
    created = clock.instant_text(receipt.created)
    return f"receipt {receipt.serial} of {created}: generation {receipt.newest or 'none'}{lost}"
