"""The pieces of the service that no signal or clock is needed for; :mod:`tests.e2e.test_service` runs it whole."""

from __future__ import annotations

import asyncio

import pytest

from relay.service.service import _watch_in_thread


def test_a_bug_in_the_watcher_reaches_the_event_loop_and_is_not_swallowed() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        await _watch_in_thread(broken, asyncio.get_running_loop())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
