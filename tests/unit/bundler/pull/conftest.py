from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


@pytest.fixture
def bench(tmp_path: Path, server: SourceSimulator) -> Bench:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(b"a")
    server.serve("/b", b"b")
    bench = Bench(tmp_path / "home")
    bench.configure("files", "directory", path=str(tmp_path / "tree"))
    bench.configure("web", "http", urls=[server.url("/b")], timeout_seconds=5)
    return bench
