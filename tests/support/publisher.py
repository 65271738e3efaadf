"""A publisher as an operator has it: a home made by ``bundle init``, directories to seal, a place for bundles."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import BIN, run


@dataclass(frozen=True)
class Publisher:
    """Runs the installed ``bundle`` in one home. ``content`` holds a directory per source."""

    home: Path
    content: Path
    out: Path
    root: Path

    @classmethod
    def found(cls, base: Path, *sources: str) -> Publisher:
        """Make a publisher ``plant`` below ``base`` with one ``directory`` source per name."""
        publisher = cls(base / "home", base / "content", base / "out", base / "root.json")
        publisher.bundle("init", "--publisher", "plant", "--no-passphrase")
        publisher.out.mkdir()
        publisher.bundle("keys", "export-root", "--out", publisher.root)
        with (publisher.home / "bundler.toml").open("a", encoding="utf-8") as config:
            for source in sources:
                directory = publisher.content / source
                directory.mkdir(parents=True)
                config.write(
                    f'\n[[source]]\nname = "{source}"\nkind = "directory"\npath = {json.dumps(str(directory))}\n'
                )
        return publisher

    def bundle(self, *arguments: object, check: bool = True, **variables: object) -> subprocess.CompletedProcess[str]:
        """Run ``bundle`` in this home, with these variables set."""
        return run([BIN / "bundle", "--home", self.home, *arguments], check=check, **variables)

    def create(self, *arguments: object) -> Path:
        """Run ``bundle create`` into ``out`` and return the bundle."""
        done = self.bundle("create", "--mkdir", "--out", self.out, *arguments, "-o", "json")
        return Path(json.loads(done.stdout)["file"])

    def version(self) -> int:
        """Return the version that the repository stands at, 0 before the first bundle."""
        timestamp = self.home / "repository" / "metadata" / "timestamp.json"
        return int(json.loads(timestamp.read_bytes())["signed"]["version"]) if timestamp.exists() else 0
