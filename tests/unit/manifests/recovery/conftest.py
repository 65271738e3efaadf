"""Fixtures shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.recovery_sticks import Stick


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)
