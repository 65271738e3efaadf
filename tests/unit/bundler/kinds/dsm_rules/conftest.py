"""A manager with three rule packs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dsm_simulator import DsmSimulator


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DsmSimulator]:
    with DsmSimulator(tmp_path) as simulator:
        for name in ("26-030.dsru", "26-031.dsru", "26-029.dsru"):
            simulator.add(name)
        yield simulator
