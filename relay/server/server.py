"""The HTTPS server: granian in our own event loop, on sockets of ours.

What granian gives: TLS by rustls, with 10 seconds for a handshake; HTTP/1.1 by hyper, with at most 100 header
fields; idle connections closed after the time for headers; a clean end of answers under way when it stops.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from manifests.clock import Clock
from manifests.disk.blobs import BlobStore
from relay.config import TlsFiles
from relay.server.app import Application, DamagedBlob, ViewProvider
from relay.server.limits import DEFAULT, ServerLimits
from relay.server.listening import close_listeners, open_listeners
from relay.server.tls import check_tls_files

if TYPE_CHECKING:
    from relay.server.embedded import Embedded

    _Running = tuple[Embedded, asyncio.Task[None]]


class Server:
    """Serves until :meth:`stop`.

    Args:
        host: An IP address or ``localhost``; a loopback address brings the other family's with it.
        port: 0 takes a free one; :attr:`port` says which.
        tls: Certificate and key.
        views: What is served.
        blobs: Its content.
        clock: Tells how old it is.
        on_damage: Told of blobs that the disk does not have as it should, in the event loop.
        limits: Ceilings.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: TlsFiles,
        views: ViewProvider,
        blobs: BlobStore,
        *,
        clock: Clock,
        on_damage: Callable[[DamagedBlob], None],
        limits: ServerLimits = DEFAULT,
    ) -> None:
        self.port = port
        self._host = host
        self._tls = tls
        self._limits = limits
        self._application = Application(views, blobs, clock, on_damage)
        self._listeners: list[socket.socket] = []
        self._running: list[_Running] = []
        self._draining: set[asyncio.Task[None]] = set()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, as ``127.0.0.1:4122`` or ``[::1]:4122``."""
        names = [listener.getsockname()[:2] for listener in self._listeners]
        return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in names)

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            ConfigurationError: ``server.*`` when it cannot listen, ``tls.*`` when certificate or key are no use.
        """
        check_tls_files(self._tls)
        _allow_open_files(4 * self._limits.connections)
        self._listeners = open_listeners(self._host, self.port, write_timeout_seconds=self._limits.write_seconds)
        self.port = self._listeners[0].getsockname()[1]
        self._application.closing = False
        self._spawn()

    async def reload(self) -> None:
        """Serve new connections with the certificate that is on disk now; those under way end as they began.

        Raises:
            ConfigurationError: ``tls.*``; the old certificate is served on.
        """
        check_tls_files(self._tls)
        old, self._running = self._running, []
        self._spawn()
        self._draining = await self._end(old)

    async def stop(self) -> None:
        """Stop listening, let answers under way end for a while, then leave."""
        self._application.closing = True
        close_listeners(self._listeners)
        old, self._running = self._running, []
        for task in await self._end(old):
            task.cancel()

    def _spawn(self) -> None:
        for listener in self._listeners:
            embedded = self._embed(listener.dup())
            self._running.append((embedded, asyncio.create_task(embedded.serve(), name="https")))

    async def _end(self, running: list[_Running]) -> set[asyncio.Task[None]]:
        """End servers and return those that are not done in time, with the ones of earlier times."""
        for embedded, _ in running:
            embedded.halt()
        tasks = {task for _, task in running} | self._draining
        if not tasks:
            return set()
        _, late = await asyncio.wait(tasks, timeout=self._limits.stop_seconds)
        return late

    def _embed(self, listener: socket.socket) -> Embedded:
        from relay.server.embedded import embed_server

        return embed_server(self._application, listener, self._tls, self._limits)


def _allow_open_files(wanted: int) -> None:
    """Raise the soft limit on open files as far as the hard limit allows: a connection may need two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
