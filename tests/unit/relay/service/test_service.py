"""The pieces of the service that no signal or clock is needed for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from manifests.progress import CancelledError
from relay.service.service import _Abandonable, _in_thread, _notify


def test_an_import_is_abandoned_at_its_next_step_once_the_service_stops() -> None:
    stopping = threading.Event()
    progress = _Abandonable(stopping)
    progress.start("Store", 10)
    progress.advance(5)
    stopping.set()
    with pytest.raises(CancelledError):
        progress.advance(5)
    with pytest.raises(CancelledError):
        progress.start("Commit")


def test_a_bug_in_the_watcher_reaches_the_event_loop_and_is_not_swallowed() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        await _in_thread(broken, asyncio.get_running_loop())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


def test_without_a_service_manager_nothing_is_sent() -> None:
    _notify(None, "READY=1")
    _notify("", "READY=1")
