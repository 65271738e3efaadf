"""The rows of the table: what is measured, beside what, and how good is good enough."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benches.measure import Row, Sample, interleaved, peak, ratio, run, seconds, speed
from scripts.benches.sides import (
    Publisher,
    Relay,
    fill_with_noise,
    fill_with_rules,
    fill_with_small_files,
    fresh,
    only_bundle,
)

ONE_PASS = """
import hashlib, os, pathlib, sys
hasher, out = hashlib.sha256(), open(sys.argv[2], "wb", 0)
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        with open(path, "rb", 0) as file:
            while chunk := file.read(1 << 20):
                hasher.update(chunk)
                out.write(chunk)
os.fsync(out.fileno())
"""
"""The limit of sealing: nothing can read, hash and write the bytes in less, with one hash in one thread."""


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    large_bytes: int
    text_bytes: int
    small_files: int


@dataclass
class Bench:
    """Makes rows below one directory."""

    directory: Path
    size: Size
    rounds: int
    creates: list[Sample] = field(default_factory=list)
    imports: list[Sample] = field(default_factory=list)

    def large(self) -> list[Row]:
        """Seal and import content that nothing compresses."""
        content, home, out, copy = self._paths("content", "dmz", "out", "copy")
        fill_with_noise(content, self.size.large_bytes)
        length = sum(path.stat().st_size for path in content.iterdir())
        first, again, limit, imported, copied = self._rounds(
            lambda _: self._create(home, content, out),
            lambda _: self._seal(home, fresh(out)),
            lambda _: run([sys.executable, "-c", ONE_PASS, content, fresh(copy)], content.iterdir()),
            lambda _: self._import(home, only_bundle(out), fresh(self.directory / "site").name),
            lambda _: self._shell('sha256sum "$1" && cp "$1" "$2" && sync "$2"', only_bundle(out), fresh(copy)),
        )
        one_pass = f"read + sha256 + write + fsync: {speed(length, limit)}"
        return [
            _share(f"seal {_size(length)}, incompressible", length, again, limit, one_pass),
            Row(f"create {_size(length)}, pull included", speed(length, first), one_pass, _of(limit, first), "", None),
            _share(
                f"import {_size(length)}", length, imported, copied, f"sha256sum + cp + sync: {speed(length, copied)}"
            ),
        ]

    def text(self) -> list[Row]:
        """Seal rule text."""
        content, home, out, archive = self._paths("rules", "dmz-rules", "out-rules", "rules.zip")
        fill_with_rules(content, self.size.text_bytes)
        length = sum(path.stat().st_size for path in content.iterdir())
        first, again, zipped = self._rounds(
            lambda _: self._create(home, content, out),
            lambda _: self._seal(home, fresh(out)),
            lambda _: run(["zip", "-q", "-6", "-r", fresh(archive), content], content.iterdir()),
        )
        ours, theirs = only_bundle(out).stat().st_size, archive.stat().st_size
        beside, times = f"zip -6: {speed(length, zipped)}", ratio(zipped, again)
        return [
            Row(f"seal {_size(length)} of rules", speed(length, again), beside, f"{times:.1f} x", ">= 6 x", times >= 6),
            Row(
                f"create {_size(length)} of rules, pull included",
                speed(length, first),
                beside,
                f"{ratio(zipped, first):.1f} x",
                "",
                None,
            ),
            Row(
                "its archive",
                f"{ours:,} B",
                f"zip -6: {theirs:,} B",
                f"{ours / theirs:.2f} x",
                "<= 1.15 x",
                ours <= 1.15 * theirs,
            ),
        ]

    def small(self) -> list[Row]:
        """Import many small targets."""
        content, home, out, tree = self._paths("small", "dmz-small", "out-small", "tree")
        fill_with_small_files(content, self.size.small_files)
        tree.mkdir()
        first = self._create(home, content, out)
        bundle = only_bundle(out)
        imported, unzipped, synced = self._rounds(
            lambda number: self._import(home, bundle, f"site-small-{number}"),
            lambda number: self._shell('unzip -q "$1" -d "$2"', bundle, tree / f"{number}"),
            lambda number: self._shell('unzip -q "$1" -d "$2" && sync -f "$2"', bundle, tree / f"{number}-synced"),
        )
        work, ours, times = (
            f"import {self.size.small_files:,} small files",
            f"{seconds(imported):.2f} s",
            ratio(imported, unzipped),
        )
        return [
            Row(work, ours, f"unzip, not durable: {seconds(unzipped):.2f} s", f"{times:.2f} x", "<= 2 x", times <= 2),
            Row(work, ours, f"unzip + sync -f: {seconds(synced):.2f} s", f"{ratio(imported, synced):.2f} x", "", None),
            Row(f"create {self.size.small_files:,} small files", f"{first.seconds:.2f} s", "", "", "", None),
        ]

    def start(self) -> list[Row]:
        """Start the two commands."""
        home, site = self._paths("dmz-start", "site-start")
        Publisher.found(home, self.directory)
        Relay.found(site, home / "root.json")
        status, text, nothing = interleaved(
            max(7, self.rounds),
            [
                lambda _: run(["relay", "--home", site, "status"]),
                lambda _: run(["bundle", "--help"]),
                lambda _: run([sys.executable, "-c", "pass"]),
            ],
        )
        beside = f"python -c pass: {seconds(nothing):.3f} s"
        rows = []
        for work, samples in (("relay status", status), ("bundle --help", text)):
            taken = seconds(samples)
            rows.append(
                Row(work, f"{taken:.3f} s", beside, f"{ratio(samples, nothing):.1f} x", "<= 0.35 s", taken <= 0.35)
            )
        return rows

    def memory(self) -> list[Row]:
        """Peak memory of everything measured so far."""
        rows = []
        for work, samples in (("create", self.creates), ("import", self.imports)):
            if samples:
                top = peak(samples)
                rows.append(Row(f"peak memory of {work}", f"{top / 1e6:.0f} MB", "", "", "<= 150 MB", top <= 150e6))
        return rows

    def _paths(self, *names: str) -> tuple[Path, ...]:
        return tuple(self.directory / name for name in names)

    def _rounds(self, *contenders: Callable[[int], Sample]) -> list[list[Sample]]:
        return interleaved(self.rounds, contenders)

    def _create(self, home: Path, content: Path, out: Path) -> Sample:
        """Create a first bundle, with everything yet to be pulled."""
        warm = tuple(path for path in content.rglob("*") if path.is_file())
        self.creates.append(Publisher.found(fresh(home), content).create(fresh(out), warm=warm))
        return self.creates[-1]

    def _seal(self, home: Path, out: Path) -> Sample:
        """Create a bundle of what was pulled."""
        warm = tuple(path for path in (home / "blobs").rglob("*") if path.is_file())
        self.creates.append(Publisher(home).create(out, "--no-pull", warm=warm))
        return self.creates[-1]

    def _import(self, home: Path, bundle: Path, site: str) -> Sample:
        """Import into a new site, which stays: ext4 is slow to make files where others were just removed."""
        self.imports.append(Relay.found(self.directory / site, home / "root.json").take(bundle))
        return self.imports[-1]

    @staticmethod
    def _shell(script: str, source: Path, target: Path) -> Sample:
        return run(["sh", "-c", script, "sh", source, target], [source])


def _share(work: str, length: int, ours: list[Sample], limit: list[Sample], beside: str) -> Row:
    share = ratio(limit, ours)
    return Row(work, speed(length, ours), beside, f"{share:.2f} of it", ">= 0.8", share >= 0.8)


def _of(limit: list[Sample], ours: list[Sample]) -> str:
    return f"{ratio(limit, ours):.2f} of it"


def _size(length: int) -> str:
    return f"{length / 2**30:.3g} GiB" if length >= 2**30 else f"{length / 1e6:.0f} MB"
