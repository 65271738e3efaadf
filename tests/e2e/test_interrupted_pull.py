"""Pulls that are killed, and pulls that find nothing new: nothing is downloaded twice."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import pytest

from bundler.fetch.partial import PartialDownloads
from manifests.clock import system_clock
from tests.support import source_simulator as upstream
from tests.support.commands import BIN, clean_environment
from tests.support.publisher import Publisher
from tests.support.source_simulator import SourceSimulator

SEED = 20260904
KILLS = 20
FILES = 12
SENT_BEFORE_A_KILL = 6 * 1024 * 1024
"""A kill comes after at most so many bytes of a run."""


@dataclass
class Killer:
    """Kills a process once the upstream has sent so many bytes."""

    left: int = -1
    process: subprocess.Popen[bytes] | None = None
    lock: Lock = field(default_factory=Lock)

    def __call__(self, sent: int) -> None:
        with self.lock:
            if self.process is not None:
                self.left -= sent
                if self.left <= 0:
                    self.process.send_signal(signal.SIGKILL)
                    self.process = None

    def run(self, command: list[str], after: int) -> int:
        """Run a command to its end, or until so many bytes were sent."""
        with self.lock:
            process = subprocess.Popen(
                command,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            self.left, self.process = after, process
        with process:
            out, errors = process.communicate(timeout=120)
        with self.lock:
            self.process = None
        assert process.returncode in {0, -signal.SIGKILL}, (out, errors)
        return process.returncode


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher.found(tmp_path / "dmz")


@pytest.fixture
def killer() -> Killer:
    return Killer()


@pytest.fixture
def server(killer: Killer) -> Iterator[SourceSimulator]:
    with SourceSimulator(on_sent=killer, buffer_bytes=64 * 1024) as simulator:
        yield simulator


def configure(publisher: Publisher, *lines: str) -> None:
    with (publisher.home / "bundler.toml").open("a") as file:
        file.write("\n".join(["", "[[source]]", *lines, ""]))


def kept(publisher: Publisher, server: SourceSimulator, bodies: Mapping[str, bytes]) -> dict[str, int]:
    """How much of each file is here, as the next run will believe it."""
    partials = PartialDownloads(publisher.home / "fetching", "feed", system_clock)
    found = {name: partials.find(name, server.url(f"/{name}")) for name in bodies}
    return {name: partial.length if partial else 0 for name, partial in found.items()}


def test_killed_at_twenty_random_instants_a_pull_downloads_only_what_is_not_here_yet(
    publisher: Publisher, server: SourceSimulator, killer: Killer
) -> None:
    chance = random.Random(SEED)
    bodies = {f"{n}.bin": chance.randbytes(chance.randrange(2**18, 2**24)) for n in range(FILES)}
    for name, body in bodies.items():
        server.serve(f"/{name}", body, etag=f'"{name}"')
    urls = json.dumps([server.url(f"/{name}") for name in bodies])
    configure(publisher, 'name = "feed"', 'kind = "http"', f"urls = {urls}")
    command = [str(BIN / "bundle"), "--home", str(publisher.home), "pull"]
    resumed, lost = 0, 0
    before = kept(publisher, server, bodies)
    for kill in range(KILLS):
        del server.seen[:]
        ended = killer.run(command, after=chance.randrange(SENT_BEFORE_A_KILL))
        assert ended == -signal.SIGKILL, f"all was here after {kill} kills: choose another seed"
        for seen in [seen for seen in server.seen if seen.status]:  # the others were not answered any more
            name = seen.path.removeprefix("/")
            assert seen.start == before[name] or (before[name] == len(bodies[name]) and seen.status == 304)
            assert seen.body_bytes <= len(bodies[name]) - before[name]
            resumed += seen.status == 206
            lost += seen.body_bytes
        after = kept(publisher, server, bodies)
        assert all(after[name] >= before[name] for name in bodies)
        lost -= sum(after.values()) - sum(before.values())
        before = after
    del server.seen[:]
    killer.run(command, after=2**40)
    assert sum(seen.body_bytes for seen in server.seen) == sum(map(len, bodies.values())) - sum(before.values())
    record = json.loads((publisher.home / "sources" / "feed.json").read_bytes())
    targets = {path: digest for path, _, digest in record["good"]["targets"]}
    assert targets == {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    for digest in targets.values():
        path = publisher.home / "blobs" / digest[:2] / digest
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert os.stat(path).st_nlink == 1
    assert resumed >= 5, "too few kills fell into a file: choose another seed"
    assert not list((publisher.home / "tmp").iterdir())
    assert not list((publisher.home / "fetching" / "partial").iterdir())
    print(f"{KILLS} kills, {resumed} resumed, {lost:,} bytes were on their way when a kill came")


def test_a_second_create_with_nothing_new_downloads_nothing_and_says_so(
    publisher: Publisher, server: SourceSimulator
) -> None:
    body = b"alert tcp any any\n" * 10_000
    listing = b'<title>Index of /rules/</title><a href="../">../</a><a href="x.rules">x</a><a href="y.rules">y</a>'
    served = {
        "/a.rules": body,
        "/a.rules.sha256": hashlib.sha256(body).hexdigest().encode(),
        "/rules/": listing,
        "/rules/x.rules": b"x" * 1000,
        "/rules/y.rules": b"y" * 1000,
        "/latest": b"7",
        "/r-7.zip": b"z" * 1000,
    }
    for path, content in served.items():
        server.serve(path, content, etag=f'"{hashlib.sha256(content).hexdigest()[:8]}"')
    configure(
        publisher, 'name = "listed"', 'kind = "http"', f'urls = ["{server.url("/a.rules")}"]', 'checksum = "sha256"'
    )
    configure(publisher, 'name = "index"', 'kind = "http"', f'index = "{server.url("/rules/")}"')
    probe = f'probe = {{ url = "{server.url("/latest")}", pattern = "([0-9]+)" }}'
    configure(publisher, 'name = "template"', 'kind = "http"', f'template = "{server.url("/r-{version}.zip")}"', probe)
    first = publisher.bundle("create", "--out", publisher.out, "--full")
    assert "nothing new" not in first.stdout
    assert sum(seen.body_bytes for seen in server.seen) == sum(map(len, served.values()))
    del server.seen[:]
    second = publisher.bundle("create", "--out", publisher.out, "--full")
    assert "unchanged since the last pull: listed, index, template" in second.stdout
    assert [(seen.path, seen.status, seen.body_bytes) for seen in server.seen if seen.status != 304] == []
    assert all("if-none-match" in seen.headers for seen in server.seen)
    assert {seen.path for seen in server.seen} == set(served) - {"/a.rules"}
    third = json.loads(publisher.bundle("create", "--out", publisher.out, "--full", "-o", "json").stdout)
    assert third["unchanged"] == ["listed", "index", "template"]


def test_after_a_restart_of_the_upstream_with_new_content_only_that_is_downloaded(
    publisher: Publisher, server: SourceSimulator
) -> None:
    for name in ("a", "b", "c"):
        server.serve(f"/{name}", name.encode() * 5000, etag=f'"{name}1"')
    urls = json.dumps([server.url(f"/{name}") for name in ("a", "b", "c")])
    configure(publisher, 'name = "feed"', 'kind = "http"', f"urls = {urls}")
    publisher.bundle("pull")
    server.serve("/b", b"new" * 5000, etag='"b2"')
    server.on("/c", upstream.status(503), upstream.file(b"c" * 5000, etag='"c1"'))
    del server.seen[:]
    publisher.bundle("pull")
    assert sum(seen.body_bytes for seen in server.seen if seen.status == 200) == 15_000
