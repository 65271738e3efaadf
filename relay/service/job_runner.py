"""The runner of the jobs that :mod:`relay.service.jobs` lists: each by itself and outside the event loop.

A job that fails is reported and comes again; one that hangs keeps nobody, and is not begun a second time meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from manifests.errors import SealiftError
from manifests.progress import CancelledError
from relay.inbox.attendant import Reporter

LONGEST_WAIT_SECONDS = 1.0
"""How long the runner sleeps at most: a job may have ended, or have been hastened, meanwhile."""


@dataclass(frozen=True)
class Job:
    """A piece of work that comes again.

    Args:
        name: One word, which the log has beside a failure.
        every_seconds: How long after its end it is due again.
        run: Does it; raises ``SealiftError`` when it fails, ``CancelledError`` when the service stops.
        at_start: Whether it is due when the service starts, or after its interval at first.
        failing: What a failure means for people, as the beginning of a sentence; the error alone without it.
    """

    name: str
    every_seconds: float
    run: Callable[[], None]
    at_start: bool = False
    failing: str = ""


def run_in_thread(name: str, body: Callable[[], None]) -> None:
    """Begin a piece of work in a thread that a leaving process does not wait for."""
    threading.Thread(target=body, name=name, daemon=True).start()


class JobRunner:
    """Begins each job of a table when it is due.

    Args:
        jobs: The table; names are unique.
        report: Told of failures, once for as long as a job fails alike.
        monotonic: A clock that never goes back, in seconds.
        begin: Begins a piece of work by its name, apart from the caller.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        report: Reporter,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        begin: Callable[[str, Callable[[], None]], None] = run_in_thread,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._report = report
        self._monotonic = monotonic
        self._begin = begin
        self._lock = threading.Lock()
        now = monotonic()
        self._due = {job.name: now + (0.0 if job.at_start else job.every_seconds) for job in jobs}
        """When each job that does not run is due; one that runs is not in it."""
        self._hastened: set[str] = set()
        self._told: dict[str, str] = {}
        self._bug: BaseException | None = None

    def begin_due_jobs(self) -> None:
        """Begin every job that is due and does not run already.

        Raises:
            BaseException: What ended an earlier run and is no ``SealiftError``: a bug, which ends the service.
        """
        if self._bug is not None:
            raise self._bug
        with self._lock:
            now = self._monotonic()
            due = [name for name in self._jobs if self._due.get(name, now + 1.0) <= now]
            for name in due:
                del self._due[name]
        for name in due:
            self._begin(f"job {name}", partial(self._run_job, self._jobs[name]))

    def seconds_to_wait(self) -> float:
        """Return how long nothing is due, at most :data:`LONGEST_WAIT_SECONDS`."""
        with self._lock:
            first = min(self._due.values(), default=float("inf")) - self._monotonic()
        return min(max(first, 0.0), LONGEST_WAIT_SECONDS)

    def hasten(self, name: str) -> None:
        """Let a job be due now; one that runs comes again as soon as it has ended. For any thread."""
        with self._lock:
            if name in self._due:
                self._due[name] = self._monotonic()
            else:
                self._hastened.add(name)

    def _run_job(self, job: Job) -> None:
        failure = ""
        try:
            with suppress(CancelledError):  # the service stops
                job.run()
        except SealiftError as error:
            failure = f"{job.failing}: {error}" if job.failing else str(error)
            self._tell(job, failure, error.code)
        except BaseException as error:  # noqa: BLE001 - begin_due_jobs() raises it
            self._bug = error
        if not failure:
            self._told.pop(job.name, None)
        with self._lock:
            again = 0.0 if job.name in self._hastened else job.every_seconds
            self._hastened.discard(job.name)
            self._due[job.name] = self._monotonic() + again

    def _tell(self, job: Job, failure: str, code: str) -> None:
        if self._told.get(job.name) != failure:
            self._told[job.name] = failure
            self._report(job.name, failure, code=code)
