"""``bundle create --every``: the same job again and again, with nobody there.

One process per home, one run at a time, one JSON object per run. A run that fails is reported and the next one is
made at its time; only what no later run could mend ends the loop.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bundler.jobs.create import CreatedBundles
from bundler.keys.secrets import TokenPinError
from manifests import clock
from manifests.clock import Clock
from manifests.errors import ConfigurationError, FetchError, PartialError, SealiftError, UsageError

MIN_SECONDS = 10
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_INTERVAL = re.compile(r"([1-9][0-9]{0,6})([smhd])")

Wait = Callable[[float], bool]
"""Waits so many seconds; returns False as soon as the loop shall end."""


def parse_interval(text: str) -> int:
    """Return the seconds of an interval such as ``6h``.

    Raises:
        UsageError: ``create.interval``.
    """
    match = _INTERVAL.fullmatch(text.strip().lower())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if seconds < MIN_SECONDS:
        raise UsageError(
            "create.interval",
            f"{text!r} is not a valid interval",
            need=f"a number with s, m, h or d, such as 6h; at least {MIN_SECONDS}s",
        )
    return seconds


@dataclass(frozen=True)
class Unattended:
    """What one loop works with.

    Args:
        interval_seconds: From the start of one run to the start of the next; a run that takes longer is followed
            by the next at once, and no run is made up for.
        make: Makes the bundles of one run.
        clock: Tells the time for the report.
        wait: Between two runs.
        report: Takes the report of each run, one JSON object.
        monotonic: Seconds that no change of the system's time touches.
    """

    interval_seconds: float
    make: Callable[[], CreatedBundles]
    clock: Clock
    wait: Wait
    report: Callable[[Mapping[str, Any]], None]
    monotonic: Callable[[], float] = time.monotonic

    def run_until_ended(self) -> None:
        """Work until ``wait`` says that it is over.

        Raises:
            ConfigurationError, UsageError: The very first run failed with it: nothing will change by itself.
            TokenPinError: A token refuses its PIN, in whichever run.
        """
        first = True
        while True:
            began = self.monotonic()
            self._once(strict=first)
            first = False
            if not self.wait(max(0.0, began + self.interval_seconds - self.monotonic())):
                return

    def _once(self, *, strict: bool) -> None:
        started = clock.instant_text(self.clock())
        try:
            outcome = _created(self.make())
        except SealiftError as error:
            hopeless = isinstance(error, TokenPinError)  # another try would bring the token nearer to being locked
            if hopeless or (strict and isinstance(error, ConfigurationError | UsageError)):
                raise
            outcome = _failed(error)
        self.report({"started": started, "finished": clock.instant_text(self.clock()), **outcome})


def _failed(error: SealiftError) -> dict[str, Any]:
    failures = error.failures if isinstance(error, FetchError) else {}
    return {
        "outcome": "failed",
        "exit_code": error.exit_code,
        "error": error.to_json(),
        "sources": {name: _source(failure, unchanged=False) for name, failure in failures.items()},
    }


def _created(created: CreatedBundles) -> dict[str, Any]:
    failed = {failure.name: failure.error for failure in created.failures}
    manifest = created.files[0].manifest
    names = sorted({record.name for record in manifest.sources} | set(failed))
    return {
        "outcome": "partial" if failed else "created",
        "exit_code": PartialError.exit_code if failed else 0,
        "version": manifest.snapshot_version,
        "files": [{"file": str(file.path), "length": file.length, "sha256": file.sha256} for file in created.files],
        "sources": {name: _source(failed.get(name), unchanged=name in created.unchanged) for name in names},
        "warnings": list(created.warnings),
    }


def _source(error: SealiftError | None, *, unchanged: bool) -> dict[str, Any]:
    if error is not None:
        return {"state": "failed", "exit_code": error.exit_code, "error": error.to_json()}
    return {"state": "unchanged" if unchanged else "new", "exit_code": 0}
