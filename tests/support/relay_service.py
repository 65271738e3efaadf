"""``relay run`` as a process of its own, whose events a test can wait for."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from relay.home import Home
from tests.support.commands import BIN, clean_environment, run
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import make_home

DEADLINE = 60.0

QUICK = "settle_seconds = 0.3\nrescan_seconds = 0.5\n"


class Site:
    """A publisher in memory and a relay's home that trusts it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.forge = BundleForge()
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.home = make_home(base / "home", self.forge.root, self.now)
        self.outgoing = base / "outgoing"
        self.outgoing.mkdir()

    @property
    def inbox(self) -> Path:
        return self.home.inbox

    def configure(self, *inboxes: Path, options: str = QUICK, more: str = "") -> None:
        """Write ``relay.toml``: these inboxes, the home's own first, all with the same options."""
        tables = "".join(f'\n[[inbox]]\npath = "{path}"\n{options}' for path in (self.inbox, *inboxes))
        text = f'connectivity = "isolated"\n{more}\n[serve]\nlisten = "127.0.0.1:0"\n{tables}'
        self.home.config_file.write_text(text, "utf-8")

    def seal(self, *, extra: dict[str, bytes] | None = None, **options: Any) -> Path:
        """Seal the next version, which carries one file of its own under ``rules/``."""
        version = self.forge.version + 1
        self.forge.files |= {f"rules/{version:03}.rules": f"alert {version}\n".encode() * 500, **(extra or {})}
        path = self.outgoing / f"plant-{version:06}-full.zip"
        return self.forge.seal(path, created=self.now, **options)

    def relay(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run([BIN / "relay", "--home", self.home.path, "--quiet", *arguments], check=check)

    def status(self) -> dict[str, Any]:
        return json.loads(self.relay("status", "-o", "json").stdout)

    def quarantine(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text("utf-8")) for path in sorted(self.home.quarantine.glob("*.json"))]


class Service:
    """A running service. ``events`` holds every line of its log."""

    def __init__(self, process: subprocess.Popen[str], home: Home) -> None:
        self.process = process
        self.home = home
        self.events: list[dict[str, Any]] = []
        self._cursor = 0
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def log(self) -> str:
        return "\n".join(str(event) for event in self.events)

    def until(
        self, name: str, *, seconds: float = DEADLINE, where: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any]:
        """Return the next event of that name after the one that was waited for last."""
        deadline = time.monotonic() + seconds
        with self._came:
            while True:
                while self._cursor < len(self.events):
                    event = self.events[self._cursor]
                    self._cursor += 1
                    if event["event"] == name and (where is None or where(event)):
                        return event
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"{name!r} did not come\n{self.log()}")
                self._came.wait(min(left, 0.5))

    def count(self, name: str) -> int:
        return sum(event["event"] == name for event in self.events)

    @property
    def port(self) -> int:
        address = next(event["address"] for event in self.events if event["event"] == "listening")
        return int(address.rpartition(":")[2])

    def get(self, path: str) -> tuple[int, bytes]:
        """Fetch from the service on this machine, by the private CA."""
        context = ssl.create_default_context(cafile=self.home.tls / "ca.pem")
        connection = HTTPSConnection("localhost", self.port, context=context, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stop(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 10.0) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(seconds)
        self._reader.join(seconds)
        return status

    def _read(self) -> None:
        if self.process.stderr is None:
            return
        with self.process.stderr as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    event = {"event": "?", "text": line.rstrip("\n")}
                with self._came:
                    self.events.append(event)
                    self._came.notify_all()


@contextmanager
def serving(site: Site, *, wrap: Sequence[object] = (), wait: bool = True, **variables: object) -> Iterator[Service]:
    """Run the service for the block; whatever happens, it is gone afterwards.

    Args:
        site: Whose relay.
        wrap: A command line to run it under, such as ``strace`` or a network namespace's.
        wait: Whether to wait until it listens.
        variables: Added to its clean environment.
    """
    command = [*wrap, BIN / "relay", "--home", site.home.path, "run", "--log", "json"]
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(**variables),
        cwd=site.base,
        start_new_session=True,
    )
    service = Service(process, site.home)
    try:
        if wait:
            service.until("listening")
        yield service
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        with suppress(ProcessLookupError):  # strace lets go of what it traces and ends
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
