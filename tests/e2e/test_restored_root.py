"""A home from before the last rotation of root, or a copy of it that rotated: the way out that operators.md gives."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import BIN, run
from tests.support.publisher import Publisher

pytestmark = pytest.mark.needs("unzip")


@dataclass
class Gap:
    """A publisher, a copy of its home from before a rotation, and a site that is beyond it."""

    publisher: Publisher
    copy: Path
    beyond: Path
    relay: list[object]

    def take(self, bundle: Path) -> int:
        """Import a bundle inside; return how that left."""
        return run([*self.relay, "import", bundle], check=False).returncode

    def restore(self) -> None:
        """Bring the home back as it was before the rotation."""
        shutil.rmtree(self.publisher.home)
        shutil.copytree(self.copy, self.publisher.home)

    def mend(self) -> Path:
        """Do what the page says."""
        home = self.publisher.home
        run(["unzip", "-q", "-o", "-j", self.beyond, "tuf/*.root.json", "-d", home / "repository" / "metadata"])
        self.publisher.bundle("keys", "rotate", "timestamp", "--no-passphrase")
        self.publisher.bundle("restored", "--above", 2)
        return self.publisher.create()


@pytest.fixture
def gap(tmp_path: Path) -> Gap:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    (publisher.content / "rules" / "a").write_text("a")
    relay = [BIN / "relay", "--home", tmp_path / "relay"]
    run([*relay, "init", "--root", publisher.root])
    run([*relay, "import", publisher.create()])
    shutil.copytree(publisher.home, tmp_path / "copy")
    publisher.bundle("keys", "rotate", "timestamp", "--no-passphrase")
    beyond = publisher.create().rename(tmp_path / "beyond.zip")
    found = Gap(publisher, tmp_path / "copy", beyond, relay)
    assert found.take(beyond) == 0
    return found


@pytest.mark.parametrize("meanwhile", ["nothing", "sealed", "rotated", "rotated and sealed"])
def test_with_the_roots_that_sites_have_and_numbers_above_theirs_the_home_goes_on(
    gap: Gap, meanwhile: str, tmp_path: Path
) -> None:
    gap.restore()
    if "rotated" in meanwhile:
        gap.publisher.bundle("keys", "rotate", "targets", "--no-passphrase")
    if "sealed" in meanwhile:
        gap.publisher.bundle("create", "--mkdir", "--out", tmp_path / "refused")
        (refused,) = (tmp_path / "refused").glob("*.zip")
        done = run([*gap.relay, "import", refused], check=False)
        assert done.returncode == 20, done.stderr
        assert "What to back up" in done.stderr, done.stderr
    assert gap.take(gap.mend()) == 0
    assert gap.take(gap.publisher.create()) == 0


def test_a_home_whose_root_was_written_over_by_a_foreign_one_says_so(gap: Gap, tmp_path: Path) -> None:
    other = Publisher.found(tmp_path / "other", "rules")
    (other.content / "rules" / "a").write_text("a")
    other.bundle("keys", "rotate", "timestamp", "--no-passphrase")
    gap.beyond = other.create()
    gap.restore()
    metadata = gap.publisher.home / "repository" / "metadata"
    run(["unzip", "-q", "-n", "-j", gap.beyond, "tuf/*.root.json", "-d", metadata])
    done = gap.publisher.bundle("keys", "list", check=False)
    assert (done.returncode, "2.root.json" in done.stderr) == (3, True), done.stderr
