"""The service: inboxes watched in one thread, HTTPS served in the event loop, both over one home.

It makes no connection to anywhere: it listens, it reads directories, and it tells a service manager on this
machine that it is ready. Its own lock keeps a second service out; the import lock is held by imports alone, so
that ``relay import`` works beside it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from manifests.clock import Clock
from manifests.errors import IncompleteError, SealiftError, StorageError
from manifests.lock import exclusive_lock
from manifests.progress import CancelledError, CancelToken
from relay.afterwards import follow_import
from relay.config import Config
from relay.context import Context
from relay.deliveries import DeliveryReport
from relay.events import log as events
from relay.home import Home
from relay.importing.damaged import DAMAGED
from relay.importing.importer import ImportResult, import_bundle
from relay.inbox.attendant import Reporter, inbox_from_config
from relay.inbox.watcher import Watcher
from relay.server.content import DamagedBlob
from relay.server.limits import ServerLimits
from relay.server.server import Server
from relay.server.tls import TlsFiles, renew_leaf, server_files
from relay.server.view import Views
from relay.state import Event
from relay.store.garbage import collect_garbage

STOP_SECONDS = 4.0
"""For an import under way to notice that the service stops; one that does not is cut off, as by a crash."""
_LIMITS = ServerLimits(stop_seconds=2.0)
_LOCK_WAIT_SECONDS = 1.0
"""Short, since a stop must not wait for it: the inbox tries again."""
_LOOK_SECONDS = 2.0
"""How often to see whether another process has imported something."""
_RENEWAL_SECONDS = 24 * 3600.0
_DELIVERY_SECONDS = 60.0
"""How often deliveries that could not be made are tried again, and it is seen whose days are over."""


class _Abandonable:
    """Progress that nobody sees, and the place where an import notices that the service stops."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def start(self, step: str, total: int | None = None) -> None:
        """Begin a step, unless the service stops."""
        del step, total
        self._check()

    def advance(self, done: int) -> None:
        """Go on, unless the service stops."""
        del done
        self._check()

    def _check(self) -> None:
        if self._stopping.is_set():
            raise CancelledError


class Service:
    """Everything that ``relay run`` runs.

    Args:
        home: The relay's directory.
        config: Its configuration; ``port`` 0 takes a free one.
        clock: The system's clock.
        report: Told what happens.
        notify_address: The service manager's socket, ``NOTIFY_SOCKET``; ``None`` without one.
    """

    def __init__(
        self, home: Home, config: Config, *, clock: Clock, report: Reporter, notify_address: str | None = None
    ) -> None:
        self._home = home
        self._config = config
        self._clock = clock
        self._report = report
        self._notify_address = notify_address
        self._stopping = threading.Event()
        self._views = Views(home, config)
        self._seen_generation = 0
        self._delivered_generation: int | None = None
        self._watcher = Watcher([inbox_from_config(inbox) for inbox in config.inboxes], self._import, report)
        self._server = Server(
            config.host,
            config.port,
            self._tls(),
            self._views,
            home.blobs,
            clock=clock,
            on_damage=self._damaged,
            limits=_LIMITS,
        )

    async def run(self) -> None:
        """Serve and watch until SIGTERM or SIGINT.

        Raises:
            ConfigurationError: ``server.*``, ``tls.*``: it cannot listen.
            StorageError: The state cannot be read.
        """
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._renew()
        self._views.current()
        await self._server.start()
        watching = _in_thread(self._watcher.run, loop)
        try:
            self._started()
            await self._until(stop, watching)
        finally:
            self._stopping.set()
            self._watcher.stop()
            _notify(self._notify_address, "STOPPING=1")
            await asyncio.gather(self._server.stop(), asyncio.wait([watching], timeout=STOP_SECONDS))
            self._views.close()
        if not watching.done():
            self._report("abandoned", "an import was cut off; the next start finds the state before it or after it")
        self._report("stopped", "stopped")

    async def _until(self, stop: asyncio.Event, watching: asyncio.Future[None]) -> None:
        """Look after certificate and state until somebody stops the service or the watcher fails."""
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + _RENEWAL_SECONDS
        deliver_at = loop.time()
        stopped: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        while True:
            done, _ = await asyncio.wait(
                [stopped, watching], timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if watching in done:
                stopped.cancel()
                watching.result()
            if done:
                return
            await asyncio.to_thread(self._look_at_state)
            if loop.time() >= deliver_at or self._delivered_generation != self._seen_generation:
                deliver_at = loop.time() + _DELIVERY_SECONDS
                await asyncio.to_thread(self._deliver)
            if loop.time() >= renew_at:
                renew_at = loop.time() + _RENEWAL_SECONDS
                if await asyncio.to_thread(self._renew):
                    await self._server.reload()
                await asyncio.to_thread(self._collect)

    def _tls(self) -> TlsFiles:
        own = self._config.tls
        return server_files(self._home.tls) if own is None else TlsFiles(own.certificate, own.key)

    def _renew(self) -> bool:
        """Renew the relay's own certificate in time; whatever goes wrong, the present one is served on."""
        if self._config.tls is not None:
            return False
        try:
            renewed = renew_leaf(self._home.tls, self._clock())
        except SealiftError as error:
            self._report("tls", f"the server certificate could not be renewed: {error}", code=error.code)
            return False
        if renewed:
            self._report("tls", "the server certificate was renewed")
        return renewed

    def _collect(self) -> None:
        """Remove what nobody needs any more; an import that is under way comes first, and tomorrow is another day."""
        try:
            done = collect_garbage(
                self._home,
                self._config.keep_generations,
                self._clock(),
                _Abandonable(self._stopping),
                CancelToken(),
                wait_seconds=_LOCK_WAIT_SECONDS,
            )
        except CancelledError:
            return
        except SealiftError as error:
            self._report("gc", f"old content could not be removed: {error}", code=error.code)
            return
        if done.blobs:
            self._report("gc", f"{done.blobs:,} files that nothing needs were removed, {done.bytes:,} bytes")

    def _look_at_state(self) -> None:
        """Build the view that is served next, and tell the watcher what another process imported."""
        try:
            generation = self._views.current().status.generation
        except StorageError as error:
            self._report("failed", str(error), code=error.code)
            return
        if generation != self._seen_generation:
            self._seen_generation = generation
            self._watcher.store_changed()

    def _deliver(self) -> None:
        """Do what follows an import, whoever made it; what failed is tried again."""
        generation = self._seen_generation
        self._follow()
        self._delivered_generation = generation

    def _tell(self, deliveries: DeliveryReport) -> None:
        for event in deliveries.events:
            code = event.details.get("code")
            self._report(event.kind, event.text, code=None if code is None else str(code))

    def _context(self) -> Context:
        return Context(self._home, self._config, self._clock, _Abandonable(self._stopping))

    def _import(self, path: Path) -> ImportResult:
        try:
            result = import_bundle(self._context(), path, wait_seconds=_LOCK_WAIT_SECONDS, quarantine=True)
        except IncompleteError as error:
            if error.code == DAMAGED:  # what is undamaged was kept, and a receipt is to say so
                self._follow()
            raise
        self._follow()
        return result

    def _follow(self) -> None:
        """Do what follows an import; what a stop prevents is done at the next start."""
        try:
            done = follow_import(self._context(), wait_seconds=_LOCK_WAIT_SECONDS)
        except CancelledError:
            return
        self._tell(done.deliveries)
        for failure in done.failures:
            if failure.is_new:
                self._report(failure.event.kind, failure.event.text, code=failure.error.code)

    def _started(self) -> None:
        host = "localhost" if self._server.addresses[0].startswith(("127.", "[::1]")) else self._config.host
        address = f"https://{f'[{host}]' if ':' in host else host}:{self._server.port}"
        self._report(
            "listening",
            f"listening on {address}",
            address=address,
            sockets=" ".join(self._server.addresses),
            inboxes=" ".join(str(inbox.path) for inbox in self._config.inboxes),
        )
        self._record(Event(self._clock(), "start", f"The service listens on {address}"))
        _notify(self._notify_address, "READY=1")

    def _damaged(self, damage: DamagedBlob) -> None:
        found = "is not there" if damage.found is None else f"has {damage.found:,} bytes"
        text = f"{damage.name}: its content {found}, {damage.length:,} bytes were stored; do: relay check"
        self._report("damaged", text, sha256=damage.sha256)
        self._record(Event(self._clock(), "damage", text, {"sha256": damage.sha256}))

    def _record(self, event: Event) -> None:
        with suppress(StorageError):  # serving goes on with a full disk
            events.record(self._home, event)


def run(home: Home, config: Config, *, clock: Clock, report: Reporter, notify_address: str | None = None) -> None:
    """Run the service until SIGTERM or SIGINT.

    Raises:
        LockedError: ``lock.held``: the home has a service already.
        ConfigurationError: ``server.*``, ``tls.*``.
        StorageError: The state cannot be read.
    """
    with exclusive_lock(home.path / "service.lock"):
        asyncio.run(Service(home, config, clock=clock, report=report, notify_address=notify_address).run())


def _in_thread(function: Callable[[], None], loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """Run a function in a thread that a leaving process does not wait for; the future is how it ended."""
    future: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def body() -> None:
        failure: BaseException | None = None
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - handed to the event loop, which raises it
            failure = error
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=body, name="inbox", daemon=True).start()
    return future


def _notify(address: str | None, message: str) -> None:
    """Tell the service manager of this machine; without one, or when it does not listen, nothing happens.

    Source: sd_notify(3).
    """
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel, suppress(OSError):
        channel.sendto(message.encode("ascii"), os.fsencode(f"\0{address[1:]}" if address[0] == "@" else address))
