"""The record of a site, ``<home>/sites/<key id>.json``, with its name and its newest receipt as it came."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bundler.home import Home
from manifests import clock
from manifests.disk import durable
from manifests.errors import ConfigurationError, MalformedError, NotAuthenticError
from manifests.receipt import MAX_RECEIPT_BYTES, Receipt, SignedReceipt, check_site_name, verify_receipt
from manifests.schemas import strictjson

FORMAT = "sealift-site/1"

_RECORD_BYTES = 2 * MAX_RECEIPT_BYTES


@dataclass(frozen=True)
class Site:
    """One site: its key, what it is called, when it was registered, its newest receipt and when that came."""

    keyid: str
    name: str
    registered_at: datetime
    imported_at: datetime
    signed: SignedReceipt

    @property
    def receipt(self) -> Receipt:
        """What the site had when it last told."""
        return self.signed.receipt


def records_directory(home: Home) -> Path:
    """Return the directory of the sites' records; there may be none."""
    return home.path / "sites"


def record_path(home: Home, keyid: str) -> Path:
    """Return where a site's record is."""
    return records_directory(home) / f"{keyid}.json"


def encode_record(site: Site) -> bytes:
    """Write a site's record."""
    return strictjson.encode_json(
        {
            "format": FORMAT,
            "name": site.name,
            "registered_at": clock.instant_text(site.registered_at),
            "imported_at": clock.instant_text(site.imported_at),
            "receipt": base64.b64encode(site.signed.data).decode("ascii"),
        }
    )


def read_record(file: Path) -> Site:
    """Read a site's record; the receipt in it is verified again.

    Raises:
        ConfigurationError: ``sites.damaged``.
        StorageError: The file cannot be read.
    """
    with durable.storage_errors(file):
        data = file.read_bytes()
    try:
        value: dict[str, Any] = strictjson.decode_json(data, name=file.name, max_bytes=_RECORD_BYTES)
        signed = verify_receipt(base64.b64decode(value["receipt"], validate=True))
        site = Site(
            keyid=signed.receipt.site_keyid,
            name=check_site_name(value["name"]),
            registered_at=clock.parse_instant(value["registered_at"]),
            imported_at=clock.parse_instant(value["imported_at"]),
            signed=signed,
        )
    except (MalformedError, NotAuthenticError, KeyError, TypeError, ValueError) as error:
        raise _damaged(file) from error
    if file.stem != site.keyid or value.get("format") != FORMAT:
        raise _damaged(file)
    return site


def _damaged(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "sites.damaged",
        f"{path} is not what bundle sites wrote",
        todo=f"bring it back from the backup; or remove it, and import the site's newest receipt again: rm {path}",
    )
