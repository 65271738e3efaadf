"""Which addresses a relay may dial: those of a site's own network, and no other."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from manifests.errors import ConfigurationError, FetchError

PRIVATE = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
)
"""RFC 1918, RFC 4193 and this machine. Link-local addresses are none: some networks answer there for the outside."""

Lookup = Callable[[str, int], Sequence[Any]]


def _system_lookup(host: str, port: int) -> Sequence[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def find_private_address(host: str, port: int, lookup: Lookup = _system_lookup) -> str:
    """Return the one address to dial; a name is looked up once, and must stand for private addresses alone.

    The connection goes to the address that was checked, so a name that changes its meaning meanwhile leads nowhere.

    Args:
        host: An address, or a name.
        port: For the lookup.
        lookup: As ``socket.getaddrinfo``.

    Raises:
        ConfigurationError: ``manager.address``: an address that is not private.
        FetchError: ``dsm.connect``: the name is not known here.
    """
    literal = _parsed(host)
    if literal is not None:
        found = [literal]
    else:
        try:
            found = [ip_address(entry[4][0]) for entry in lookup(host, port)]
        except (OSError, UnicodeError, ValueError) as error:
            raise FetchError(
                "dsm.connect",
                f"The manager's name {host} is not known here",
                todo="write its address in relay.toml: manager.url",
            ) from error
    public = [str(address) for address in found if not is_private_address(address)]
    if public or not found:
        raise ConfigurationError(
            "manager.address",
            f"The manager {host} is not on a private address: a relay dials no other",
            have=", ".join(public) or "no address",
            need="an address of " + ", ".join(str(network) for network in PRIVATE),
        )
    return str(found[0])


def is_private_address(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address belongs to this machine or to a network of a site's own."""
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain.version == network.version and plain in network for network in PRIVATE)


def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
