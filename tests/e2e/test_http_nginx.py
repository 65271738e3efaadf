"""Kind ``http`` with a real nginx: its directory listing, its ranges, its validators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.options import FetchOptions
from manifests.progress import NoProgress
from tests.support.benches import Bench, make
from tests.support.nginx import Nginx

pytestmark = pytest.mark.needs("nginx")

NAMES = ("a.rules", "with space.rules", "50%.rules", "a&b.rules", "käse.rules", "q?.rules", "#1.rules", "d'e.rules",
         "plus+.rules", "semi;colon=.rules", "x" * 120 + ".rules", "deep/er/b.rules", "deep/c.rules")  # fmt: skip


class Impatient(NoProgress):
    """Somebody who presses Ctrl-C after so many bytes."""

    def __init__(self, left: int) -> None:
        self.left = left

    def advance(self, done: int) -> None:
        self.left -= done
        if self.left < 0:
            raise KeyboardInterrupt


def test_every_file_below_a_listing_arrives_under_its_name(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in NAMES:
        (root / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "rules" / name).write_text(name)
    with Nginx(root) as nginx:
        source = make("http", index=f"{nginx.base}/rules/", depth=3)
        first = bench.pull(source)
        assert bench.contents(first) == {name: name.encode() for name in sorted(NAMES)}
        nginx.statuses()
        assert bench.pull(source, first).targets == first.targets
        statuses = nginx.statuses()
        assert statuses == {304: len(NAMES), 200: 3}, "the three listings have no validators; all else is unchanged"


def test_an_interrupted_download_goes_on(bench: Bench, tmp_path: Path) -> None:
    body = bytes(range(256)) * 100_000
    root = tmp_path / "root"
    root.mkdir()
    (root / "big.bin").write_bytes(body)
    with Nginx(root) as nginx:
        wanted = WantedFile(f"{nginx.base}/big.bin", "big.bin")
        with (
            bench.workbench() as work,
            Fetcher(FetchOptions(), replace(work, progress=Impatient(5_000_000)), "s") as fetcher,
            pytest.raises(KeyboardInterrupt),
        ):
            fetcher.get(wanted)
        (data,) = (bench.home.fetching / "partial" / "s").glob("*.data")
        assert 4_000_000 < data.stat().st_size < 6_000_000
        nginx.statuses()
        with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
            got = fetcher.get(wanted)
        assert nginx.statuses() == {206: 1}
        assert b"".join(bench.store.read(got.blob.sha256)) == body
