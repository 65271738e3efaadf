"""The pieces of the service that no signal or clock is needed for; :mod:`tests.e2e.test_service` runs it whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from manifests.errors import StorageError
from relay.home import Home
from relay.service.service import Service, _watch_in_thread
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home


def test_a_bug_in_the_watcher_reaches_the_event_loop_and_is_not_swallowed() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        await _watch_in_thread(broken, asyncio.get_running_loop())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


def service_at(home: Home, forge: BundleForge) -> Service:
    return Service(home, make_config(home), clock=forge.clock(), report=lambda *_, **__: None)


def test_the_table_has_every_job_once_and_each_can_be_run(tmp_path: Path) -> None:
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    forge.files = {"rules/a": b"a"}
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    jobs = service_at(home, forge)._table()
    assert [job.name for job in jobs] == ["state", "afterwards", "tls", "gc"]
    for job in jobs:
        job.run()
    assert (home.out / "receipt.json").is_file()


def test_a_job_that_cannot_read_the_state_fails_and_the_others_do_not(tmp_path: Path) -> None:
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    jobs = {job.name: job for job in service_at(home, forge)._table()}
    home.database.write_bytes(b"no database")
    with pytest.raises(StorageError):
        jobs["state"].run()
    jobs["tls"].run()
