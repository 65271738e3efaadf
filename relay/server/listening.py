"""Listening sockets of our own: real errors, port 0, and an end for clients that stop reading."""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress

from manifests.errors import ConfigurationError

BACKLOG = 1024
_TRIES = 20
"""A port that is free on one loopback address may be taken on the other."""


class PortInUseError(ConfigurationError):
    """Another program listens on a port; a free one may be tried instead."""

    @classmethod
    def of(cls, place: str, port: int) -> PortInUseError:
        """Return the error for an address and its port."""
        return cls(
            "server.port-in-use",
            f"Another program listens on {place}",
            need="a free port",
            todo=f"stop the other program (ss -ltnp 'sport = :{port}' names it), or choose another port with --listen",
        )


def addresses_of(host: str) -> tuple[tuple[str, bool], ...]:
    """Return the addresses to listen on, each with whether it must succeed.

    Both loopback addresses go together, because clients that are told ``localhost`` try ``::1`` first. Names other
    than ``localhost`` are refused: looking them up could ask a server on the network, and the relay never dials out.

    Args:
        host: An IP address or ``localhost``. ``::`` listens on IPv4 as well.

    Raises:
        ConfigurationError: ``server.host``.
    """
    if host == "localhost":
        return (("127.0.0.1", True), ("::1", False))
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ConfigurationError(
            "server.host", f"{host!r} is not a valid address to listen on", need="an IP address, or localhost"
        ) from None
    if address.is_loopback:
        other = "::1" if address.version == 4 else "127.0.0.1"
        return ((str(address), True), (other, False))
    return ((str(address), True),)


def open_listeners(host: str, port: int, *, write_timeout_seconds: float) -> list[socket.socket]:
    """Bind and listen.

    Args:
        host: See :func:`addresses_of`.
        port: 0 takes a free one, the same for every address.
        write_timeout_seconds: A client that takes no byte for so long loses its connection.

    Raises:
        ConfigurationError: ``server.host``, ``server.port-in-use``, ``server.port-forbidden`` or ``server.address``.
    """
    wanted = addresses_of(host)
    for _ in range(_TRIES if port == 0 else 0):
        try:
            return _open_all(wanted, port, write_timeout_seconds)
        except PortInUseError:
            continue
    return _open_all(wanted, port, write_timeout_seconds)


def _open_all(wanted: tuple[tuple[str, bool], ...], port: int, write_timeout_seconds: float) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for address, required in wanted:
            bound = _open(address, port if not opened else opened[0].getsockname()[1], write_timeout_seconds, required)
            if bound is not None:
                opened.append(bound)
    except ConfigurationError:
        close_listeners(opened)
        raise
    return opened


def close_listeners(listeners: list[socket.socket]) -> None:
    """Close every socket of the list and empty it."""
    while listeners:
        with suppress(OSError):
            listeners.pop().close()


def _open(address: str, port: int, write_timeout_seconds: float, required: bool) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        if required:
            raise _explain(error, address, port) from error
        return None  # a kernel without IPv6
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(write_timeout_seconds * 1000))
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if required or error.errno != errno.EADDRNOTAVAIL:
            raise _explain(error, address, port) from error
        return None  # a machine whose loopback has no IPv6 address
    return listener


def _explain(error: OSError, address: str, port: int) -> ConfigurationError:
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if error.errno == errno.EADDRINUSE:
        return PortInUseError.of(place, port)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ConfigurationError(
            "server.port-forbidden", f"This user may not listen on {place}", need="a port above 1023"
        )
    return ConfigurationError("server.address", f"Cannot listen on {place}: {error.strerror}")
