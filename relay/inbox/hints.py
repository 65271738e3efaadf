"""Hints that something may have happened: file system events, the mount table, a call, the passing of time.

None of them is trusted to come. A rename into place gives no close event, a mapped file no modify event, a
stick mounted over a watched directory no event at all, and after it is gone the watch is alive but deaf.
So watches are renewed whenever the mount table or a directory's identity changes, and every wait ends in time.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileClosedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
"""Not opens and reads, which we cause ourselves; not every write of a long copy."""

MAX_WATCHES = 256
"""Directories watched by events; the rescan covers the others."""
QUIET_SECONDS = 0.1
"""Hints that come within this time of each other count as one."""
_MOUNT_TABLE = "/proc/self/mountinfo"

Identity = tuple[int, int]


class _Wake(FileSystemEventHandler):
    def __init__(self, hints: Hints) -> None:
        self._hints = hints

    def on_any_event(self, event: FileSystemEvent) -> None:
        del event  # which one does not matter: the next listing says what is there
        self._hints.wake()


class Hints:
    """Waits for hints. A context manager; all but :meth:`wake` and :meth:`stop` belong to one thread.

    ``problem`` says why events are not to be had, for people; rescans go on.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._stopped = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._mounts = os.open(_MOUNT_TABLE, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._wake, select.POLLIN)
        self._poll.register(self._mounts, select.POLLPRI)
        self._handler = _Wake(self)
        self._watches: dict[Path, tuple[Identity, ObservedWatch]] = {}
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._mounts_changed = False

    def __enter__(self) -> Hints:
        try:
            self._observer = Observer()
            self._observer.start()
        except OSError as error:
            self._observer = None
            self.problem = f"there are no file system events ({error.strerror}); inboxes are listed on the timer only"
        return self

    def __exit__(self, *_: object) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
        with self._lock:
            os.close(self._mounts)
            os.close(self._wake)
            self._wake = -1

    @property
    def stopped(self) -> bool:
        """Tell whether :meth:`stop` was called."""
        return self._stopped.is_set()

    def wake(self) -> None:
        """End the current wait, or the next one at once. For any thread, at any time."""
        with self._lock:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """End all waiting for good. For any thread."""
        self._stopped.set()
        self.wake()

    def watch_directories(self, directories: Iterable[tuple[Path, Identity]]) -> bool:
        """Watch exactly these directories from now on, as they are now.

        Args:
            directories: Path and ``(st_dev, st_ino)`` of each; a changed identity renews the watch.

        Returns:
            Whether a watch is new: what came before it gave no event, so list once more.
        """
        observer = self._observer
        if observer is None:
            return False
        wanted = dict(list(directories)[:MAX_WATCHES])
        alive = {emitter.watch for emitter in observer.emitters if emitter.is_alive()}
        for path, (identity, watch) in tuple(self._watches.items()):
            if self._mounts_changed or wanted.get(path) != identity or watch not in alive:
                self._forget(observer, path)
        self._mounts_changed = False
        self.problem = ""
        added = [self._add(observer, path, identity) for path, identity in wanted.items() if path not in self._watches]
        return any(added)

    def wait_for_hint(self, seconds: float) -> None:
        """Return when something may have happened, and after ``seconds`` at the latest."""
        ready = self._poll.poll(max(0.0, seconds) * 1000)
        if any(descriptor == self._mounts for descriptor, _ in ready):
            self._mounts_changed = True
        if ready:
            self._stopped.wait(QUIET_SECONDS)
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            return

    def _add(self, observer: BaseObserver, path: Path, identity: Identity) -> bool:
        try:
            watch = observer.schedule(self._handler, os.fspath(path), event_filter=_EVENTS)
        except OSError as error:
            self.problem = f"{path} cannot be watched by events ({error.strerror}); it is listed on the timer only"
            return False
        self._watches[path] = (identity, watch)
        return True

    def _forget(self, observer: BaseObserver, path: Path) -> None:
        _, watch = self._watches.pop(path)
        observer.unschedule(watch)
