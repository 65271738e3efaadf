"""What is told of each source."""

from __future__ import annotations

from bundler.pull.status import read_source_statuses
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator


def test_the_state_of_every_source_is_told(bench: Bench, server: SourceSimulator) -> None:
    server.on("/b", upstream.status(404))
    bench.pull_all()
    found = read_source_statuses(bench.home, bench.config)
    assert [(s.name, s.targets, s.content_bytes, s.pulled_at) for s in found] == [
        ("files", 1, 1, bench.now),
        ("web", 0, 0, None),
    ]
    assert found[1].failure == f"{server.base}/b answered 404 Not Found. [http.status]"
