"""The loop of ``bundle create --every``: one run at a time, at its time, each reported, none that ends the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bundler.jobs.create import CreatedBundles
from bundler.jobs.every import Unattended, parse_interval
from bundler.keys.secrets import TokenPinError
from bundler.pull.result import SourceFailure
from bundler.seal.companions import SealedFile
from manifests.errors import ConfigurationError, FetchError, LockedError, SealiftError, UsageError
from manifests.manifest import Manifest, SourceRecord

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def created(*failed: str, unchanged: tuple[str, ...] = ()) -> CreatedBundles:
    sources = tuple(SourceRecord(name, "directory", NOW, "carried, not verified") for name in ("patterns", "rules"))
    manifest = Manifest("plant", 7, 1, NOW, "sealift", sources, (), (), ())
    file = SealedFile(Path("/out/plant-000007-full.zip"), Path("/out/.partial"), 9, "ab", manifest)
    failures = tuple(SourceFailure(name, FetchError("http.timeout", "Silence")) for name in failed)
    return CreatedBundles((file,), failures=failures, unchanged=unchanged)


class Loop:
    """Runs the loop on a clock that only the runs and the waits move."""

    def __init__(self, interval: float, *makes: Callable[[Loop], CreatedBundles]) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []
        self.reports: list[Mapping[str, Any]] = []
        self._makes = iter(makes)
        self._left = len(makes)
        self.run = Unattended(
            interval,
            lambda: next(self._makes)(self),
            lambda: NOW,
            self._wait,
            self.reports.append,
            lambda: self.seconds,
        ).run_until_ended

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.seconds += seconds
        self._left -= 1
        return self._left > 0


def takes(seconds: float) -> Callable[[Loop], CreatedBundles]:
    def make(loop: Loop) -> CreatedBundles:
        loop.seconds += seconds
        return created()

    return make


def fails(error: SealiftError) -> Callable[[Loop], CreatedBundles]:
    def make(_: Loop) -> CreatedBundles:
        raise error

    return make


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("30m", 1800), ("6h", 21600), ("1d", 86400), (" 6H", 21600)]
)
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "h", "0h", "-1h", "1.5h", "9s", "1w", "6h30m"])
def test_anything_else_is_no_interval(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_interval(text)
    assert caught.value.code == "create.interval"


def test_runs_begin_one_interval_apart_however_long_they_take() -> None:
    loop = Loop(60, takes(5), takes(59), takes(0))
    loop.run()
    assert loop.waits == [55, 1, 60]


def test_a_run_that_takes_longer_than_the_interval_is_followed_at_once_and_none_is_made_up_for() -> None:
    loop = Loop(60, takes(200), takes(10))
    loop.run()
    assert loop.waits == [0, 50]


def test_a_report_says_what_each_source_gave() -> None:
    loop = Loop(60, lambda _: created("patterns", unchanged=("rules",)))
    loop.run()
    (report,) = loop.reports
    assert (report["outcome"], report["exit_code"], report["version"]) == ("partial", 11, 7)
    assert report["files"] == [{"file": "/out/plant-000007-full.zip", "length": 9, "sha256": "ab"}]
    assert report["sources"]["rules"] == {"state": "unchanged", "exit_code": 0}
    assert report["sources"]["patterns"]["state"] == "failed"
    assert report["sources"]["patterns"]["exit_code"] == 10
    assert report["sources"]["patterns"]["error"]["code"] == "http.timeout"


def test_a_failed_run_is_reported_with_each_failed_source_and_the_next_is_made() -> None:
    failed = FetchError("create.source-failed", "1 failed", failures={"rules": FetchError("http.status", "404")})
    loop = Loop(60, fails(failed), fails(LockedError("lock.held", "Another one")), takes(1))
    loop.run()
    assert [report["exit_code"] for report in loop.reports] == [10, 41, 0]
    assert loop.reports[0]["sources"]["rules"]["error"]["code"] == "http.status"


def test_a_configuration_that_is_wrong_from_the_start_ends_the_loop() -> None:
    loop = Loop(60, fails(ConfigurationError("config.value", "Wrong")))
    with pytest.raises(ConfigurationError):
        loop.run()
    assert loop.reports == []


def test_a_configuration_that_becomes_wrong_later_is_reported_and_waited_out() -> None:
    loop = Loop(60, takes(1), fails(ConfigurationError("config.value", "Wrong")), takes(1))
    loop.run()
    assert [report["exit_code"] for report in loop.reports] == [0, 3, 0]


def test_a_pin_that_a_token_refuses_ends_the_loop_in_whichever_run() -> None:
    wrong = TokenPinError("pkcs11.pin", "The PIN is wrong")
    loop = Loop(60, takes(0), fails(ConfigurationError("passphrase.wrong", "It does not open")), fails(wrong), takes(0))
    with pytest.raises(TokenPinError):
        loop.run()
    assert [report["outcome"] for report in loop.reports] == ["created", "failed"]
