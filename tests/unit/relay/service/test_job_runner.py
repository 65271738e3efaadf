"""The table of jobs, with a clock that the test turns and work that it ends itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from manifests.errors import StorageError
from manifests.progress import CancelledError
from relay.service.job_runner import LONGEST_WAIT_SECONDS, Job, JobRunner, run_in_thread


class Bench:
    """A runner whose clock and threads are the test's."""

    def __init__(self, *jobs: Job) -> None:
        self.now = 1000.0
        self.begun: list[tuple[str, Callable[[], None]]] = []
        self.reports: list[tuple[str, str]] = []
        self.runner = JobRunner(
            jobs, self.report, monotonic=lambda: self.now, begin=lambda name, body: self.begun.append((name, body))
        )

    def report(self, event: str, text: str, **_: object) -> None:
        self.reports.append((event, text))

    def begin_due_jobs(self) -> list[str]:
        """Return the names of the jobs that are begun now; their bodies are left in ``begun``."""
        before = len(self.begun)
        self.runner.begin_due_jobs()
        return [name for name, _ in self.begun[before:]]

    def pass_time(self, seconds: float) -> list[str]:
        """Return the names of the jobs that are begun after so many seconds, and run them to their end."""
        self.now += seconds
        names = self.begin_due_jobs()
        self.end_all()
        return names

    def end_all(self) -> None:
        while self.begun:
            self.begun.pop(0)[1]()


def nothing() -> None:
    """Do nothing."""


def failing_with(*failures: BaseException | None) -> Callable[[], None]:
    """Return work that fails like this, one failure after the other."""
    left = list(failures)

    def run() -> None:
        failure = left.pop(0)
        if failure is not None:
            raise failure

    return run


def test_a_job_is_due_after_its_interval_and_again_an_interval_after_its_end() -> None:
    bench = Bench(Job("a", 10.0, nothing))
    assert bench.pass_time(0.0) == []
    assert bench.pass_time(9.9) == []
    assert bench.pass_time(0.1) == ["job a"]
    assert bench.pass_time(9.9) == []
    assert bench.pass_time(0.1) == ["job a"]


def test_a_job_that_is_wanted_at_the_start_is_due_at_once() -> None:
    bench = Bench(Job("a", 10.0, nothing, at_start=True), Job("b", 10.0, nothing))
    assert bench.pass_time(0.0) == ["job a"]
    assert bench.pass_time(10.0) == ["job a", "job b"]


def test_a_job_that_takes_long_is_not_begun_twice_and_keeps_no_other_waiting() -> None:
    bench = Bench(Job("slow", 10.0, nothing), Job("quick", 1.0, nothing))
    bench.now += 10.0
    assert bench.begin_due_jobs() == ["job slow", "job quick"]
    bench.begun.pop()[1]()
    bench.now += 100.0
    assert bench.begin_due_jobs() == ["job quick"]
    bench.end_all()
    assert bench.pass_time(9.9) == ["job quick"]
    assert bench.pass_time(0.1) == ["job slow"]


def test_a_job_that_is_hastened_is_due_now_and_if_it_runs_again_at_its_end() -> None:
    bench = Bench(Job("a", 1000.0, nothing))
    bench.runner.hasten("a")
    assert bench.begin_due_jobs() == ["job a"]
    bench.runner.hasten("a")
    assert bench.begin_due_jobs() == []
    bench.end_all()
    assert bench.pass_time(0.0) == ["job a"]
    assert bench.pass_time(0.0) == []


def test_a_failure_is_told_once_for_as_long_as_it_is_the_same_and_the_job_comes_again() -> None:
    full, broken = StorageError("storage.full", "The disk is full"), StorageError("storage.io", "The disk is broken")
    job = Job("a", 10.0, failing_with(full, full, broken, None, broken), failing="It went wrong")
    bench = Bench(job, Job("b", 10.0, nothing))
    for _ in range(5):
        assert bench.pass_time(10.0) == ["job a", "job b"]
    assert bench.reports == [
        ("a", "It went wrong: The disk is full."),
        ("a", "It went wrong: The disk is broken."),
        ("a", "It went wrong: The disk is broken."),
    ]


def test_a_job_that_is_cancelled_is_no_failure() -> None:
    bench = Bench(Job("a", 10.0, failing_with(CancelledError())))
    assert bench.pass_time(10.0) == ["job a"]
    assert bench.reports == []


def test_a_bug_in_a_job_ends_the_loop() -> None:
    bench = Bench(Job("a", 10.0, failing_with(ZeroDivisionError())))
    bench.pass_time(10.0)
    with pytest.raises(ZeroDivisionError):
        bench.begin_due_jobs()


def test_the_wait_ends_when_the_first_job_is_due_and_is_never_long() -> None:
    bench = Bench(Job("a", 0.5, nothing), Job("b", 1000.0, nothing))
    assert bench.runner.seconds_to_wait() == 0.5
    bench.now += 0.7
    assert bench.runner.seconds_to_wait() == 0.0
    bench.begin_due_jobs()
    assert bench.runner.seconds_to_wait() == LONGEST_WAIT_SECONDS


def test_work_that_is_begun_apart_runs_in_a_thread_that_nobody_waits_for() -> None:
    import queue
    import threading

    seen: queue.Queue[threading.Thread] = queue.Queue()
    run_in_thread("job a", lambda: seen.put(threading.current_thread()))
    thread = seen.get(timeout=20.0)
    assert (thread.name, thread.daemon, thread is threading.current_thread()) == ("job a", True, False)
