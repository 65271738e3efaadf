"""``bundle create --every``: signals, the one lock, one JSON line per run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from manifests.clock import system_clock
from manifests.console.commands import Settings, json_text

if TYPE_CHECKING:
    from bundler.jobs.create import CreatedBundles

HELP = "Do it now and then once per INTERVAL (30m, 6h, 1d), unattended: one line of JSON per run."


def run_unattended(settings: Settings, interval: str, make: Callable[[], CreatedBundles]) -> None:
    """Make bundles until SIGTERM or SIGINT; a run that has begun is finished, a second signal does not wait for it.

    Raises:
        UsageError: ``create.interval``.
        LockedError: Another process does this in the same home.
    """
    from bundler.home import open_home
    from bundler.jobs.every import Unattended, parse_interval
    from manifests.disk import lock

    seconds = parse_interval(interval)
    ending = threading.Event()

    def end(number: int, _: FrameType | None) -> None:
        ending.set()
        signal.signal(number, before[number])

    with lock.exclusive_lock(open_home(settings.home).unattended):
        before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            signal.signal(number, end)
        Unattended(seconds, make, system_clock, lambda wait: not ending.wait(wait), _print_line).run_until_ended()


def _print_line(report: Mapping[str, Any]) -> None:
    click.echo(json_text(report, sort_keys=True))
