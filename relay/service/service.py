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
from manifests.errors import DamagedBundleError, StorageError
from manifests.progress import CancelToken
from manifests.text import count_text
from relay.config import Config, TlsFiles
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
from relay.server.tls import server_files
from relay.server.view import Views
from relay.service.job_runner import JobRunner, run_in_thread
from relay.service.jobs import LOCK_WAIT_SECONDS, ServiceJobs
from relay.service.notify import notify_manager
from relay.state import Event

STOP_SECONDS = 4.0
"""For an import under way to notice that the service stops; one that does not is cut off, as by a crash."""
_LIMITS = ServerLimits(stop_seconds=2.0)


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
        self._jobs = ServiceJobs(
            self._context,
            self._views,
            report=report,
            store_changed=self._watcher.store_changed,
            hasten=lambda name: self._runner.hasten(name),
            reload_certificate=self._reload_certificate,
        )
        self._runner = JobRunner(self._jobs.list_jobs(), report)
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
        self._jobs.renew_leaf_at_start()
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
                self._runner.begin_due_jobs()
                done, _ = await asyncio.wait(
                    [stopped, watching], timeout=self._runner.seconds_to_wait(), return_when=asyncio.FIRST_COMPLETED
                )
                if watching in done:
                    watching.result()
                if done:
                    return
        finally:
            stopped.cancel()

    def _tls(self) -> TlsFiles:
        return self._config.tls or server_files(self._home.tls)

    def _reload_certificate(self) -> None:
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._server.reload(), self._loop).result()

    def _import(self, path: Path) -> ImportResult | Refusal:
        ended = import_or_quarantine(self._context, path, wait_seconds=LOCK_WAIT_SECONDS)
        if not isinstance(ended, Refusal) or isinstance(ended.error, DamagedBundleError):
            self._jobs.follow_imports()
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
        found = "is not there" if damage.found is None else f"has {count_text(damage.found, 'byte')}"
        text = f"{damage.name}: its content {found}, {count_text(damage.length, 'byte')} were stored; do: relay check"
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
