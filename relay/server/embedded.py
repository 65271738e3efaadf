"""Granian, told to serve on a socket that is open already.

Its own way binds with SO_REUSEPORT, so that a second relay would silently share the port, and cannot tell which
port it took. The one method that opens the socket is replaced.
"""

from __future__ import annotations

import socket
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server as GranianServer

from relay.config import TlsFiles
from relay.server.app import Application
from relay.server.limits import ServerLimits
from relay.server.listening import BACKLOG


class Embedded(GranianServer):
    """An embedded server on a given socket, which it closes in the end."""

    def __init__(self, listener: socket.socket, application: Application, **options: Any) -> None:
        self._listener = listener
        super().__init__(application, **options)

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder  # its stub leaves the constructor out
        self._shd: Any = holder(self._listener.detach(), False, BACKLOG)

    def halt(self) -> None:
        """Stop accepting, end idle connections, let answers under way end; :meth:`serve` returns after that."""
        stop: Any = self.stop  # has no types
        stop()


def embed_server(application: Application, listener: socket.socket, tls: TlsFiles, limits: ServerLimits) -> Embedded:
    """Return a server that is not started yet.

    HTTP/1.1 alone: every client speaks it, and the limits on slow and large headers are made for it.
    """
    return Embedded(
        listener,
        application,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
        backlog=BACKLOG,
        backpressure=limits.connections,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(limits.header_seconds * 1000), max_buffer_size=limits.header_bytes
        ),
        ssl_cert=tls.certificate,
        ssl_key=tls.key,
        ssl_protocol_min=SSLProtocols.tls12,
    )
