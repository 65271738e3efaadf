"""Notifying the service manager of this machine that the service is ready, or stops."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify_manager(address: str | None, message: str) -> None:
    """Tell the service manager of this machine; without one, or when it does not listen, nothing happens.

    Source: sd_notify(3).

    Args:
        address: Its socket, ``NOTIFY_SOCKET``; one that begins with ``@`` is in the abstract namespace.
        message: Such as ``READY=1``.
    """
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel, suppress(OSError):
        channel.sendto(message.encode("ascii"), os.fsencode(f"\0{address[1:]}" if address[0] == "@" else address))
