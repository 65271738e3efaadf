"""The table of jobs: each is there once, can be run, and fails alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manifests.errors import StorageError
from relay.home import Home
from relay.server.tls import server_files
from relay.server.view import Views
from relay.service.job_runner import Job
from relay.service.jobs import ServiceJobs
from relay.state import State
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_context, make_home


class Bench:
    """The jobs of a home, and what they asked for and said."""

    def __init__(self, home: Home, forge: BundleForge) -> None:
        self.asked: list[str] = []
        self.said: list[tuple[str, Any]] = []
        context = make_context(home, forge.clock())
        self.jobs = ServiceJobs(
            context,
            Views(home, context.config),
            report=lambda event, _, **fields: self.said.append((event, fields.get("code"))),
            store_changed=lambda: self.asked.append("store changed"),
            hasten=self.asked.append,
            reload_certificate=lambda: self.asked.append("reload"),
        )

    def list_jobs(self) -> tuple[Job, ...]:
        return self.jobs.list_jobs()

    def run_job(self, name: str) -> None:
        next(job for job in self.list_jobs() if job.name == name).run()


def test_the_table_has_every_job_once_and_each_can_be_run(tmp_path: Path) -> None:
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    forge.files = {"rules/a": b"a"}
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    jobs = Bench(home, forge).list_jobs()
    assert [job.name for job in jobs] == ["state", "afterwards", "tls", "gc"]
    for job in jobs:
        job.run()
    assert (home.out / "receipt.json").is_file()


def test_a_job_that_cannot_read_the_state_fails_and_the_others_do_not(tmp_path: Path) -> None:
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    jobs = {job.name: job for job in Bench(home, forge).list_jobs()}
    home.database.write_bytes(b"no database")
    with pytest.raises(StorageError):
        jobs["state"].run()
    jobs["tls"].run()


def test_what_another_process_imported_wakes_who_waited_and_hastens_what_follows_once(tmp_path: Path) -> None:
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    bench = Bench(home, forge)
    bench.run_job("state")
    assert bench.asked == []
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    bench.run_job("state")
    bench.run_job("state")
    assert bench.asked == ["store changed", "afterwards"]


def test_a_renewed_certificate_is_served_and_one_that_is_good_is_left(tmp_path: Path) -> None:
    forge = BundleForge()
    bench = Bench(home := make_home(tmp_path / "relay", forge.root), forge)
    bench.run_job("tls")
    assert (bench.asked, bench.said) == ([], [])
    server_files(home.tls).certificate.unlink()
    bench.run_job("tls")
    assert (bench.asked, bench.said) == (["reload"], [("tls", None)])


def test_a_step_that_fails_alike_every_minute_is_told_once(tmp_path: Path) -> None:
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    bench = Bench(home, forge)
    with State(home.database) as state, state.transaction():
        state._connection.execute("DROP TABLE delivery_problems")
    bench.run_job("afterwards")
    bench.run_job("afterwards")
    assert bench.said == [("delivery-failed", "storage.io")]
