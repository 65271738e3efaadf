"""The two sides under measurement: a publisher with one directory to carry, and a relay that trusts it."""

from __future__ import annotations

import os
import random
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.benches.measure import CHUNK_BYTES, Sample, run

REPOSITORY = Path(__file__).resolve().parents[2]
RULE_SETS = REPOSITORY.parent / "shared" / "data"
SAMPLE = REPOSITORY / "docs" / "sample"
CUT_BYTES = 4_000_000


@dataclass(frozen=True)
class Publisher:
    """A publisher's home whose one source is a directory."""

    home: Path

    @classmethod
    def found(cls, home: Path, content: Path) -> Publisher:
        """Make one."""
        run(["bundle", "--home", home, "--quiet", "init", "--publisher", "bench", "--no-passphrase"])
        with (home / "bundler.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[[source]]\nname = "content"\nkind = "directory"\npath = "{content}"\n')
        run(["bundle", "--home", home, "keys", "export-root", "--out", home / "root.json"])
        return cls(home)

    def create(self, out: Path, *options: str, warm: tuple[Path, ...] = ()) -> Sample:
        """Time ``bundle create``, the whole command: decide, write, sync, read back, verify, hash."""
        return run(["bundle", "--home", self.home, "--quiet", "create", "--mkdir", "--out", out, *options], warm)


@dataclass(frozen=True)
class Relay:
    """A relay's home that has imported nothing."""

    home: Path

    @classmethod
    def found(cls, home: Path, root: Path) -> Relay:
        """Make one."""
        run(["relay", "--home", home, "--quiet", "init", "--root", root])
        return cls(home)

    def take(self, bundle: Path) -> Sample:
        """Time ``relay import``, the whole command; what it says is imported is durable."""
        return run(["relay", "--home", self.home, "--quiet", "import", bundle], [bundle])


def fresh(path: Path) -> Path:
    """Return a path with nothing there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path


def only_bundle(out: Path) -> Path:
    """Return the one bundle in a directory."""
    (found,) = out.glob("*.zip")
    return found


def fill_with_noise(directory: Path, length: int, files: int = 2) -> None:
    """Write content that nothing compresses, as encrypted and packed pattern sets are."""
    directory.mkdir(parents=True)
    for number in range(files):
        with (directory / f"pattern-{number}.bin").open("wb", buffering=0) as file:
            for _ in range(length // files // CHUNK_BYTES):
                file.write(os.urandom(CHUNK_BYTES))


def fill_with_rules(directory: Path, length: int) -> None:
    """Write rule text: half of it in one file, the rest in files of 4 MB, all different."""
    directory.mkdir(parents=True)
    corpus = _corpus()
    chance = random.Random(0)
    half = length // 2
    for number, wanted in enumerate([half] + [CUT_BYTES] * (half // CUT_BYTES)):
        with (directory / f"set-{number:03d}.rules").open("wb") as file:
            while wanted > 0:
                start = chance.randrange(len(corpus))
                wanted -= file.write(corpus[start : start + min(wanted, CUT_BYTES // 4)])


def fill_with_small_files(directory: Path, count: int) -> None:
    """Write single rules, each a file of its own."""
    for number in range(count):
        if number % 100 == 0:
            (directory / f"{number // 100:03d}").mkdir(parents=True)
        rule = f'alert tcp any any -> any any (msg:"number {number}"; content:"{number * 7919:x}"; sid:{number};)\n'
        (directory / f"{number // 100:03d}" / f"{number:06d}.rules").write_text(rule * 3)


def _corpus() -> bytes:
    archives = [
        *sorted(RULE_SETS.glob("sigma-rules-*.tar.xz"))[-1:],
        *sorted(RULE_SETS.glob("signature-base-*.tar.xz"))[-1:],
    ]
    texts = [text for archive in archives for text in _texts(archive)]
    if not texts:
        texts = [path.read_bytes() for path in sorted(SAMPLE.rglob("*")) if path.is_file()]
    return b"".join(texts)


def _texts(archive: Path) -> Iterator[bytes]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and (file := tar.extractfile(member)):
                yield file.read()
