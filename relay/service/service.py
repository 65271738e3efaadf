"""The service: each inbox watched in a thread of its own, HTTPS served in the event loop, jobs beside both.

It makes no connection to anywhere: it listens, it reads directories, and it tells a service manager on this
machine that it is ready. Its own lock keeps a second service out; the import lock is taken by imports alone, so
that ``relay import`` works beside it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from manifests.clock import Clock
from manifests.disk.lock import exclusive_lock
from manifests.errors import DamagedBundleError, SealiftError, StorageError
from manifests.progress import CancelledError, CancelToken
from relay.afterwards import FollowUp, follow_import
from relay.config import Config
from relay.context import Context
from relay.events.log import log_event
from relay.home import Home
from relay.importing.importer import import_or_quarantine
from relay.importing.refusals import Refusal
from relay.importing.result import ImportResult
from relay.inbox.attendant import Reporter, inbox_from_config
from relay.inbox.watcher import Watcher
from relay.server.content import DamagedBlob
from relay.server.limits import ServerLimits
from relay.server.server import Server
from relay.server.tls import TlsFiles, renew_leaf, server_files
from relay.server.view import Views
from relay.service.jobs import Job, JobRunner, run_in_thread
from relay.service.notify import notify_manager
from relay.state import Event
from relay.store.garbage import collect_garbage

STOP_SECONDS = 4.0
"""For an import under way to notice that the service stops; one that does not is cut off, as by a crash."""
_LIMITS = ServerLimits(stop_seconds=2.0)
_LOCK_WAIT_SECONDS = 1.0
"""Short, since a stop must not wait for it: the inbox tries again."""
_MINUTE, _DAY = 60.0, 24 * 3600.0


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
        self._cancel = CancelToken()
        self._context = Context(home, config, clock, cancel=self._cancel)
        inboxes = [inbox_from_config(inbox) for inbox in config.inboxes]
        self._watcher = Watcher(inboxes, self._import, report)
        self._views = Views(home, config, silent_inboxes=lambda: self._watcher.silent_inboxes)
        self._seen_generation = 0
        self._jobs = JobRunner(self._table(), report)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = Server(
            config.host,
            config.port,
            self._tls(),
            self._views,
            home.store,
            clock=clock,
            on_damage=self._damaged,
            limits=_LIMITS,
        )

    def _table(self) -> tuple[Job, ...]:
        """Return the jobs. A new one is a line here, and what it runs."""
        return (
            # Short: what another process imported is served within seconds, and wakes files that waited for it.
            Job("state", 2.0, self._look_at_state),
            # What an import's own follow-up could not do, and deliveries whose days are over.
            Job("afterwards", _MINUTE, self._follow_imports, at_start=True),
            Job("tls", _DAY, self._renew_served_leaf, failing="the server certificate could not be renewed"),
            Job("gc", _DAY, self._collect_garbage, failing="old content could not be removed"),
        )

    async def run(self) -> None:
        """Serve and watch until SIGTERM or SIGINT.

        Raises:
            ConfigurationError: ``server.*``, ``tls.*``: it cannot listen.
            StorageError: The state cannot be read.
        """
        loop = self._loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        self._renew_leaf_at_start()
        self._views.current()
        await self._server.start()
        watching = _watch_in_thread(self._watcher.run, loop)
        try:
            self._started()
            await self._run_jobs_until(stop, watching)
        finally:
            self._cancel.cancel()
            self._watcher.stop()
            notify_manager(self._notify_address, "STOPPING=1")
            await asyncio.gather(self._server.stop(), asyncio.wait([watching], timeout=STOP_SECONDS))
            self._views.close()
        if not watching.done() and self._watcher.is_importing:
            self._report("abandoned", "an import was cut off; the next start finds the state before it or after it")
        self._report("stopped", "stopped")

    async def _run_jobs_until(self, stop: asyncio.Event, watching: asyncio.Future[None]) -> None:
        """Begin each job when it is due, until somebody stops the service or the watcher fails."""
        stopped: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        try:
            while True:
                self._jobs.begin_due_jobs()
                done, _ = await asyncio.wait(
                    [stopped, watching], timeout=self._jobs.seconds_to_wait(), return_when=asyncio.FIRST_COMPLETED
                )
                if watching in done:
                    watching.result()
                if done:
                    return
        finally:
            stopped.cancel()

    def _tls(self) -> TlsFiles:
        own = self._config.tls
        return server_files(self._home.tls) if own is None else TlsFiles(own.certificate, own.key)

    def _renew_leaf_at_start(self) -> None:
        """Renew the relay's own certificate if it is time; whatever goes wrong, the present one is served."""
        try:
            self._renew_leaf()
        except SealiftError as error:
            self._report("tls", f"the server certificate could not be renewed: {error}", code=error.code)

    def _renew_leaf(self) -> bool:
        if self._config.tls is not None or not renew_leaf(self._home.tls, self._clock()):
            return False
        self._report("tls", "the server certificate was renewed")
        return True

    def _renew_served_leaf(self) -> None:
        """Renew the relay's own certificate in time, and serve the new one."""
        if self._renew_leaf() and self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._server.reload(), self._loop).result()

    def _collect_garbage(self) -> None:
        """Remove what nobody needs any more; an import that is under way comes first, and tomorrow is another day."""
        done = collect_garbage(self._context, wait_seconds=_LOCK_WAIT_SECONDS)
        if done.blobs:
            self._report("gc", f"{done.blobs:,} files that nothing needs were removed, {done.bytes:,} bytes")

    def _look_at_state(self) -> None:
        """Build the view that is served next; what another process imported wakes files that waited for it."""
        newest = self._views.current().newest_generation
        if newest != self._seen_generation:
            self._seen_generation = newest
            self._watcher.store_changed()
            self._jobs.hasten("afterwards")

    def _follow_imports(self) -> None:
        """Do what follows an import, whoever made it; what failed is tried again, a stop's rest at the next start."""
        with suppress(CancelledError):
            self._tell(follow_import(self._context, wait_seconds=_LOCK_WAIT_SECONDS))

    def _tell(self, done: FollowUp) -> None:
        for event in done.deliveries.events:
            code = event.details.get("code")
            self._report(event.kind, event.text, code=None if code is None else str(code))
        for failure in done.failures:
            if failure.is_new:
                self._report(failure.event.kind, failure.event.text, code=failure.error.code)

    def _import(self, path: Path) -> ImportResult | Refusal:
        ended = import_or_quarantine(self._context, path, wait_seconds=_LOCK_WAIT_SECONDS)
        if not isinstance(ended, Refusal) or isinstance(ended.error, DamagedBundleError):
            self._follow_imports()
        return ended

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
        notify_manager(self._notify_address, "READY=1")

    def _damaged(self, damage: DamagedBlob) -> None:
        found = "is not there" if damage.found is None else f"has {damage.found:,} bytes"
        text = f"{damage.name}: its content {found}, {damage.length:,} bytes were stored; do: relay check"
        self._report("damaged", text, sha256=damage.sha256)
        self._record(Event(self._clock(), "damage", text, {"sha256": damage.sha256}))

    def _record(self, event: Event) -> None:
        with suppress(StorageError):  # serving goes on with a full disk
            log_event(self._home, event)


def run_service(
    home: Home, config: Config, *, clock: Clock, report: Reporter, notify_address: str | None = None
) -> None:
    """Run the service until SIGTERM or SIGINT.

    Raises:
        LockedError: ``lock.held``: the home has a service already.
        ConfigurationError: ``server.*``, ``tls.*``.
        StorageError: The state cannot be read.
    """
    with exclusive_lock(home.path / "service.lock"):
        asyncio.run(Service(home, config, clock=clock, report=report, notify_address=notify_address).run())


def _watch_in_thread(watch: Callable[[], None], loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """Watch in a thread that a leaving process does not wait for; the future is how it ended."""
    future: asyncio.Future[None] = loop.create_future()

    def end(error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def body() -> None:
        failure: BaseException | None = None
        try:
            watch()
        except BaseException as error:  # noqa: BLE001 - handed to the event loop, which raises it
            failure = error
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(end, failure)

    run_in_thread("inboxes", body)
    return future
