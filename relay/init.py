"""Making a relay's home: all of it or nothing."""

from __future__ import annotations

import hashlib
from datetime import datetime
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path

from manifests.disk import durable
from manifests.disk.new_home import build_home
from manifests.features import Connectivity
from manifests.text import fingerprint_text
from manifests.trust import trusted_root
from relay.config import parse_listen
from relay.home import Home
from relay.quarantine.registry import create_quarantine
from relay.rings.policy import DEFAULT_RING
from relay.server.tls import create_authority
from relay.state import Event, State


def root_fingerprint(root: bytes) -> str:
    """Return the SHA-256 of a root's bytes in groups of four, for two people to compare by voice."""
    return fingerprint_text(hashlib.sha256(root).hexdigest())


def create_home(
    path: Path, root: bytes, *, connectivity: Connectivity, listen: str, now: datetime, host_name: str
) -> Home:
    """Make a relay that trusts one publisher and has no generation yet.

    Args:
        path: Its directory: absent, or empty.
        root: The publisher's ``root.json``, as a person handed it over.
        connectivity: What of the vendor's cloud can be reached.
        listen: ``HOST:PORT`` to serve on.
        now: The system's time.
        host_name: This machine's name, for the certificate.

    Raises:
        ConfigurationError: ``home.exists``, ``config.listen``.
        MalformedError: ``tuf.malformed.root``.
        NotAuthenticError: ``tuf.signature.root``: the root is not signed by its own keys.
        StorageError: The disk is full, read-only or failing; nothing is left behind.
    """
    host, _ = parse_listen(listen)
    trusted = trusted_root(root)
    with build_home(path, todo="relay status, if it is a relay; else choose another --home") as fresh:
        home = Home(fresh)
        _fill(home, root, connectivity, listen)
        event = Event(now, "init", "The publisher's root was pinned", {"root_sha256": _sha256(root)})
        State.create(home.database, trusted, DEFAULT_RING, event)
        create_authority(home.tls, now, _names(host, host_name))
    return Home(path)


def _fill(home: Home, root: bytes, connectivity: Connectivity, listen: str) -> None:
    home.store.create()
    for directory in (home.inbox, home.out):
        durable.make_directory(directory)
    create_quarantine(home)
    template = files("relay").joinpath("data", "relay.toml").read_text("utf-8")
    text = template.replace("@connectivity@", connectivity).replace("@listen@", listen)
    durable.write_file(home.config_file, text.encode("utf-8"))
    durable.write_file(home.root_file, root)


def _names(host: str, host_name: str) -> tuple[str, ...]:
    """Return the names of the certificate: a wildcard address is none."""
    names = ["localhost", "127.0.0.1", "::1", host_name]
    try:
        if not ip_address(host).is_unspecified:
            names.append(host)
    except ValueError:
        names.append(host)
    return tuple(dict.fromkeys(names))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
