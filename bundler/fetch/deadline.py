"""Deadlines for connecting, for the beginning of an answer and for its body: who sends byte by byte is never silent.

A library looks at its time only between two reads that it asked for, and reads on by itself where a chunk's length or
a trailer has no end. So a timer shuts the connection down.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bundler.fetch.beginning import PatientResponse, say_what_is_wrong
from bundler.fetch.errors import TooSlowError
from manifests.text import count_text


def impatient_pools(seconds: float) -> dict[str, Any]:
    """Return connection pools, by scheme, whose answers begin within so many seconds or fail.

    They raise a :class:`TooSlowError`.
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


@contextmanager
def watch_deadline(response: Any, deadline: float) -> Iterator[threading.Event]:
    """Yield an event for reading a body; when the time is up it is set, and the connection shut down.

    Args:
        response: An answer that came over one of our connections.
        deadline: On the monotonic clock.
    """
    sock = getattr(response.raw.connection, "answering", None)
    with _timer(lambda: sock, deadline - time.monotonic()) as late:
        yield late


@contextmanager
def _timer(sock: Callable[[], Any], seconds: float) -> Iterator[threading.Event]:
    late = threading.Event()

    def give_up() -> None:
        late.set()
        found = sock()
        if found is None:
            return  # not connected yet: the socket's own time limit ends that
        with suppress(OSError):  # below TLS, if there is any: what came encrypted must not be read as content
            socket.socket.shutdown(getattr(found, "socket", found), socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, seconds), give_up)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


class _Impatient(HTTPConnection):
    """A connection that is shut down when it takes too long until it stands, or until status line and headers came."""

    ceiling: ClassVar[float]
    response_class = PatientResponse
    answering: Any = None
    """The socket of the last answer, which the connection itself forgets when that is to be the last one."""

    def connect(self) -> None:
        """Connect, through a proxy too."""
        with self._in_time("to connect", "a connection"):
            super().connect()

    def getresponse(self) -> Any:
        """Read status line and headers."""
        self.answering = self.sock
        with self._in_time("to begin its answer", "status and headers"), say_what_is_wrong(self.host):
            return super().getresponse()

    @contextmanager
    def _in_time(self, what: str, need: str) -> Iterator[None]:
        with _timer(lambda: self.sock, self.ceiling) as late:
            try:
                yield
            finally:
                if late.is_set():
                    raise TooSlowError(
                        "http.too-slow",
                        f"{self.host} took too long {what}",
                        need=f"{need} within {count_text(self.ceiling, 'second')}",
                    )
