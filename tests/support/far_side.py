"""A publisher with sources of some kind, and a site in a network namespace of its own that it feeds by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.commands import BIN, clean_environment, run, wait_for
from tests.support.netns import Namespace, namespace

URL = "https://localhost:4122"


@dataclass(frozen=True)
class NearSide:
    """The publisher: its home, and where its bundles go."""

    home: Path
    out: Path

    @classmethod
    def make(cls, base: Path) -> NearSide:
        side = cls(base / "home", base / "out")
        side.bundle("init", "--publisher", "plant", "--no-passphrase")
        side.out.mkdir(exist_ok=True)
        return side

    def bundle(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run([BIN / "bundle", "--home", self.home, "--quiet", *arguments], check=check)

    def configure(self, text: str) -> None:
        """Append tables to ``bundler.toml``."""
        with (self.home / "bundler.toml").open("a", encoding="utf-8") as file:
            file.write(f"\n{text}")

    def seal(self) -> Path:
        done = self.bundle("create", "--mkdir", "--out", self.out, "-o", "json")
        return Path(json.loads(done.stdout)["file"])

    def manifest(self, bundle: Path) -> dict[str, Any]:
        (described,) = json.loads(self.bundle("inspect", "--targets", "-o", "json", bundle).stdout)
        return described


@dataclass(frozen=True)
class FarSide:
    """The site: a relay that serves at the usual address, and a directory for its clients."""

    home: Path
    inside: Namespace
    work: Path

    @property
    def ca(self) -> Path:
        return self.home / "tls" / "ca.pem"

    def run(self, *arguments: object, check: bool = True, **variables: object) -> subprocess.CompletedProcess[str]:
        """Run a client inside."""
        return run(self.inside.command(*arguments), check=check, cwd=self.work, **variables)

    def carry_in(self, bundle: Path) -> None:
        """Put a bundle into the inbox and wait until it is what the relay serves."""
        number = int(bundle.name.split("-")[1])
        shutil.copyfile(bundle, self.home / "inbox" / bundle.name)
        wait_for(lambda: self.generation() == number, seconds=60, what="the import", log=self.log)

    def generation(self) -> int | None:
        done = self.run(BIN / "relay", "--home", self.home, "--quiet", "status", "-o", "json")
        return json.loads(done.stdout)["generation"]

    def log(self) -> str:
        return (self.work / "relay.log").read_text("utf-8")


@contextmanager
def far_side(base: Path, near: NearSide) -> Iterator[FarSide]:
    """Run a site that trusts the publisher, for the block. Needs root."""
    side = FarSide(base / "relay", Namespace(""), base / "work")
    side.work.mkdir(parents=True)
    root = base / "root.json"
    near.bundle("keys", "export-root", "--out", root)
    with namespace() as inside:
        side = FarSide(side.home, inside, side.work)
        run(inside.command(BIN / "relay", "--home", side.home, "init", "--root", root))
        quick = f'\n[[inbox]]\npath = "{side.home / "inbox"}"\nsettle_seconds = 0.3\nrescan_seconds = 0.5\n'
        with (side.home / "relay.toml").open("a", encoding="utf-8") as file:
            file.write(quick)
        with (side.work / "relay.log").open("w") as log:
            service = subprocess.Popen(
                inside.command(BIN / "relay", "--home", side.home, "run"),
                stdout=log,
                stderr=log,
                env=clean_environment(),
                text=True,
            )
            try:
                wait_for(lambda: "listening on" in side.log(), seconds=30, what="the service", log=side.log)
                yield side
            finally:
                service.terminate()
                service.wait(30)
