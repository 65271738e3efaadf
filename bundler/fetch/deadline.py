"""A deadline for the beginning of an answer: a server that sends its headers byte by byte is never silent."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from manifests.errors import FetchError


def pools(seconds: float) -> dict[str, Any]:
    """Return connection pools, by scheme, whose answers begin within so many seconds or fail.

    They raise a ``FetchError`` with the code ``http.too-slow``.
    """

    class Plain(_Impatient):
        """A connection without TLS."""

        ceiling = seconds

    class Secure(_Impatient, HTTPSConnection):
        """A connection with TLS."""

        ceiling = seconds

    class PlainPool(HTTPConnectionPool):
        """Connections without TLS."""

        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        """Connections with TLS."""

        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Impatient(HTTPConnection):
    """A connection that is shut down when status line and headers take too long."""

    ceiling: ClassVar[float]

    def getresponse(self) -> Any:
        """Read status line and headers."""
        late = threading.Event()
        sock = self.sock

        def give_up() -> None:
            late.set()
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self.ceiling, give_up)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if late.is_set():
                raise FetchError(
                    "http.too-slow",
                    f"{self.host} took too long to begin its answer",
                    need=f"status and headers within {self.ceiling:g} seconds",
                )
