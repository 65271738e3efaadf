"""Relays in a temporary directory, and what must not change when a bundle is refused."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from manifests.clock import Clock
from relay.afterwards import FollowUp, follow_import
from relay.config import Config
from relay.context import Context
from relay.home import Home
from relay.importing import importer as bundle_importer
from relay.importing.result import ImportResult
from relay.init import create_home
from tests.support.relay_bundles import CREATED


def make_home(path: Path, root: bytes, now: datetime = CREATED) -> Home:
    """Make a relay that trusts a root, as ``relay init`` does."""
    return create_home(path, root, connectivity="isolated", listen="127.0.0.1:0", now=now, host_name="relay.test")


def make_config(home: Home, **values: object) -> Config:
    """Return a configuration without inboxes that lets the disk become full."""
    given = {"connectivity": "isolated", "inboxes": (), "reserve_bytes": 0} | values
    return Config(**given)


def import_bundle(home: Home, path: Path, clock: Clock, **options: object) -> ImportResult:
    """Import one bundle, and do what follows."""
    result, _ = import_and_follow(make_context(home, clock), path, **options)
    return result


def make_context(home: Home, clock: Clock, **values: object) -> Context:
    """Return the context of a relay whose configuration has these values."""
    return Context(home, make_config(home, **values), clock)


def import_and_follow(context: Context, path: Path, **options: object) -> tuple[ImportResult, FollowUp]:
    """Import one bundle, and do what follows, as a command and the service do."""
    result = bundle_importer.import_bundle(context, path, **options)
    return result, follow_import(context)


def fingerprint(home: Home) -> dict[str, str]:
    """Return the digest of every byte that a refusal must not touch: the store and the database, by file."""
    paths = [home.database, *home.store.root.rglob("*"), *home.store.temporary.rglob("*")]
    return {
        str(path.relative_to(home.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths)
        if path.is_file()
    }
