"""A manager, and a relay with rule packs for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dsm_simulator import DsmSimulator
from tests.support.rule_pack_sites import Site


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DsmSimulator]:
    with DsmSimulator(tmp_path) as simulator:
        yield simulator


@pytest.fixture
def site(tmp_path: Path, manager: DsmSimulator) -> Site:
    return Site(tmp_path, manager)
